"""The interceptors of one handler, or of one message type at one gateway, ready to be called."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from actorbus._calls import Worlds
from actorbus.declaring._handlers import HandlerSpec, is_async
from actorbus.declaring._services import name_of
from actorbus.gateways._way import Way
from actorbus.handling._inject import Injection, Injector
from actorbus.interceptors._declared import Interceptor
from actorbus.interceptors._markers import Marker, class_markers, first_marker
from actorbus.interceptors._passage import Invocation, Passage
from actorbus.interceptors._targets import meets_handler, meets_sending
from actorbus.messages._message import Headers
from actorbus.options._options import RunsOn
from actorbus.transactions._unit_of_work import UnitOfWork

MOST_KEPT = 10_000
"""Chains of gateways that are kept."""

Step = Callable[[Any], Any]
Run = Callable[[Any, Headers, UnitOfWork], Awaitable[Any]]


class Chain:
    """What runs around one handler or send; `befores` and `afters` with whether they are async."""

    __slots__ = ("afters", "around_names", "arounds", "befores", "markers", "worlds")

    worlds: Worlds
    befores: Sequence[tuple[Step, bool]]
    arounds: Sequence[Step]
    around_names: Sequence[str]
    afters: Sequence[tuple[Step, bool]]
    markers: Sequence[Marker]

    async def run(self, passage: Passage) -> Any:
        """Run all of it and return the result."""
        await self.begin(passage)
        if not passage.stopped:
            result = await passage.advance()
            if not passage.stopped:
                passage.result = result
        for step, waits in self.afters:
            if passage.skipped:
                break
            if waits:
                await step(passage)
            else:
                step(passage)
        return passage.result

    async def begin(self, passage: Passage) -> None:
        """Run the `before`s."""
        for step, waits in self.befores:
            if waits:
                await step(passage)
            else:
                step(passage)
            if passage.stopped:
                break


class HandlerChain(Chain):
    """The interceptors of one handler, around what calls it."""

    __slots__ = ("call", "handler")

    handler: HandlerSpec
    call: Run

    async def invoke(self, message: Any, headers: Headers, unit: UnitOfWork) -> Any:
        """Call the handler through them."""
        return await self.run(Invocation(self, message, headers, unit))


class SendingChain(Chain):
    """The interceptors of the messages of one name at one gateway."""

    __slots__ = ("type_name", "way")

    type_name: str
    way: Way


class Route(Protocol):
    """What is known of the messages of one name."""

    @property
    def type_name(self) -> str: ...
    @property
    def handlers(self) -> Collection[HandlerSpec]: ...


C = TypeVar("C", bound=Chain)


class Chains:
    """Makes the chains of one run of the bus. Those of gateways are kept as they are needed."""

    __slots__ = ("_at_gateways", "_at_handlers", "_injector", "_sendings", "_world", "_worlds")

    def __init__(
        self,
        interceptors: Iterable[Interceptor],
        injector: Injector,
        worlds: Worlds,
        world: RunsOn,
    ) -> None:
        """Take the interceptors, and where their `async def` functions run by default."""
        ordered = sorted(interceptors, key=lambda one: one.order)
        self._at_gateways = tuple(one for one in ordered if one.at_gateway)
        self._at_handlers = tuple(one for one in ordered if not one.at_gateway)
        self._injector = injector
        self._worlds = worlds
        self._world = world
        self._sendings: dict[tuple[Way, str, type], SendingChain | None] = {}

    @property
    def watch_gateways(self) -> bool:
        """Whether any interceptor is called when a message is sent."""
        return bool(self._at_gateways)

    def around_handler(self, spec: HandlerSpec, call: Run) -> Run:
        """Return what calls a handler through its interceptors, `call` itself without any."""
        met = [one for one in self._at_handlers if meets_handler(one.targets, spec)]
        if not met:
            return call
        chain = self._filled(HandlerChain(), met, spec.markers)
        chain.handler, chain.call = spec, call
        return chain.invoke

    def of_sending(self, way: Way, route: Route, message: Any) -> SendingChain | None:
        """Return the chain for a message at a gateway, None if nothing intercepts it."""
        key = (way, route.type_name, type(message))
        try:
            return self._sendings[key]
        except KeyError:
            if len(self._sendings) >= MOST_KEPT:  # a pattern takes any number of routing keys
                self._sendings.clear()
            chain = self._sendings[key] = self._made_for_sending(way, route, type(message))
            return chain

    def _made_for_sending(self, way: Way, route: Route, message_type: type) -> SendingChain | None:
        met = [
            one
            for one in self._at_gateways
            if meets_sending(one.targets, way, route.type_name, message_type, route.handlers)
        ]
        if not met:
            return None
        markers = [marker for spec in route.handlers for marker in spec.markers]
        chain = self._filled(SendingChain(), met, [*markers, *class_markers(message_type)])
        chain.way, chain.type_name = way, route.type_name
        return chain

    def _filled(self, chain: C, met: Sequence[Interceptor], markers: Iterable[Marker]) -> C:
        chain.worlds = self._worlds
        chain.markers = tuple({id(marker): marker for marker in markers}.values())
        steps: dict[str, list[tuple[Step, bool]]] = {"before": [], "around": [], "after": []}
        for one in met:
            step = self._step(one, chain.markers)
            steps[one.position].append((step, is_async(one.function)))
        chain.befores, chain.afters = tuple(steps["before"]), tuple(steps["after"])
        chain.arounds = tuple(step for step, _ in steps["around"])
        chain.around_names = tuple(name_of(one.function) for one in met if one.position == "around")
        return chain

    def _step(self, interceptor: Interceptor, markers: Sequence[Marker]) -> Step:
        function = interceptor.function
        injection = self._injection(interceptor, markers)
        call: Step = function
        if injection.headers or injection.transactions:
            call = self._with_arguments(function, injection)
        elif injection.constants:
            call = partial(function, **injection.constants)
        if is_async(function) and (interceptor.runs_on or self._world) == "asyncio":
            return self._on_asyncio(call)
        return call

    def _injection(self, interceptor: Interceptor, markers: Sequence[Marker]) -> Injection:
        """Plan the arguments after the first; markers are found once, here."""
        given = {}
        rest = []
        for parameter in interceptor.parameters()[1:]:
            if is_marker(parameter.annotation):
                given[parameter.name] = first_marker(parameter.annotation, markers)
            else:
                rest.append(parameter)
        plan = self._injector.plan(rest)
        return Injection({**plan.constants, **given}, plan.headers, plan.transactions)

    def _with_arguments(self, function: Step, injection: Injection) -> Step:
        worlds = self._worlds

        def call(invocation: Invocation) -> Any:
            arguments = injection.arguments(invocation.headers, invocation.unit_of_work, worlds)
            return function(invocation, **arguments)

        return call

    def _on_asyncio(self, call: Step) -> Step:
        system = self._worlds.system

        async def call_there(passage: Passage) -> Any:
            return await system.run_on_asyncio(call, passage)

        return call_there


def is_marker(annotation: Any) -> bool:
    """Return whether a parameter asks for a marker."""
    return isinstance(annotation, type) and issubclass(annotation, Marker)
