"""Decode a message, fill in the handler's arguments, call it where it runs."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from copy import copy
from functools import partial
from inspect import Parameter
from typing import TYPE_CHECKING, Any, Protocol

import trio

from actorbus._errors import HandlerTimeout
from actorbus.declaring._handlers import HandlerSpec
from actorbus.handling._inject import Injection, Injector
from actorbus.handling._start_by import in_time
from actorbus.messages._decoding import Decoding
from actorbus.messages._message import Headers
from actorbus.transactions._unit_of_work import UnitOfWork, current_unit_of_work
from actors import HandlerTimedOut

if TYPE_CHECKING:
    from actorbus._calls import Worlds
    from actorbus._store import Claimed
    from actorbus.interceptors._chain import Chains


Invoke = Callable[[HandlerSpec, Any, Headers, UnitOfWork], Awaitable[Any]]


class OwnEndpoint(Protocol):
    """An endpoint that is no handler's, but the bus's own."""

    async def run(self, claimed: "Claimed", headers: Headers, unit: UnitOfWork, /) -> Any:
        """Do with a stored message what is to be done, in its transaction."""
        ...


class Dispatch:
    """Runs handlers. Everything that can be worked out from the spec is, when the bus starts."""

    __slots__ = ("_chains", "_plans", "decode", "read_for")

    def __init__(
        self,
        handlers: Iterable[tuple[HandlerSpec, tuple[Parameter, ...]]],
        injector: Injector,
        worlds: "Worlds",
        decoding: Decoding,
    ) -> None:
        """Plan the call of each handler, given with its parameters after the message's."""
        self.read_for = decoding.read_for
        """Returns what an endpoint, of here or not, would take; raises UndecodableMessage."""
        self.decode = decoding.decode
        """Returns the message; raises UndecodableMessage, which names the field and its value."""
        self._chains: Chains | None = None
        self._plans: dict[str, _Plan | OwnEndpoint] = {
            spec.endpoint_id: _Plan(spec, injector.plan(parameters), injector, worlds)
            for spec, parameters in handlers
        }

    def install(self, own: Mapping[str, OwnEndpoint]) -> None:
        """Add endpoints of the bus's own, by id: they take messages as they are stored."""
        decode = self.decode

        def decode_unless_own(spec: HandlerSpec, stored: "Claimed") -> Any:
            return stored if spec.endpoint_id in own else decode(spec, stored)

        self.decode = decode_unless_own
        self._plans |= own

    def intercept(self, chains: "Chains") -> None:
        """Call the handlers with their interceptors around them."""
        self._chains = chains
        for plan in self._plans.values():
            if isinstance(plan, _Plan):
                plan.intercept(chains)

    def with_timeout_of(self, spec: HandlerSpec) -> Invoke:
        """Return `invoke` for a handler that has another time limit where it is called from."""
        plan = self._plans[spec.endpoint_id]
        if not isinstance(plan, _Plan) or plan.spec.timeout == spec.timeout:
            return self.invoke
        other = plan.for_spec(spec)
        if self._chains is not None:
            other.intercept(self._chains)
        return self._with({spec.endpoint_id: other}).invoke

    def _with(self, plans: "dict[str, _Plan | OwnEndpoint]") -> "Dispatch":
        other = copy(self)
        other._plans = plans  # noqa: SLF001  a copy of this object
        return other

    async def invoke(
        self, spec: HandlerSpec, message: Any, headers: Headers, unit_of_work: UnitOfWork
    ) -> Any:
        """Call the handler and return its result.

        The unit of work is the current one meanwhile; it is neither committed nor rolled back
        here. Raises what the handler raises, and HandlerTimeout. If cancelled: an async handler
        was cancelled, a plain one was left to its thread and its transaction is closed to it.
        """
        plan = self._plans[spec.endpoint_id]
        token = current_unit_of_work.set(unit_of_work)
        try:
            return await plan.run(message, headers, unit_of_work)
        except (RuntimeError, TypeError) as error:
            _add_hint(spec, error)
            raise
        finally:
            current_unit_of_work.reset(token)


class _Plan:
    """One handler, ready to be called. `run` is the shortest way that its needs allow."""

    __slots__ = ("_call", "_injection", "_injector", "_worlds", "run", "spec")

    def __init__(
        self, spec: HandlerSpec, injection: Injection, injector: Injector, worlds: "Worlds"
    ) -> None:
        self.spec = spec
        self._injection = injection
        self._injector = injector
        self._worlds = worlds
        self._call = _caller(spec, worlds)
        self.run: Callable[[Any, Headers, UnitOfWork], Awaitable[Any]] = self._chosen_run()

    def for_spec(self, spec: HandlerSpec) -> "_Plan":
        """Return a plan of the same call under other options."""
        return _Plan(spec, self._injection, self._injector, self._worlds)

    def intercept(self, chains: "Chains") -> None:
        """Put the handler's interceptors around it, within its time limit."""
        self.run = self._chosen_run(chains)

    def _chosen_run(
        self, chains: "Chains | None" = None
    ) -> Callable[[Any, Headers, UnitOfWork], Awaitable[Any]]:
        run: Callable[[Any, Headers, UnitOfWork], Awaitable[Any]]
        run = self._run_with_services if self._injection.services else self._run
        if chains is not None:
            run = chains.around_handler(self.spec, run)
        if self.spec.timeout is None or self.spec.world == "process":
            return run
        return self._limited(run, self.spec.timeout)

    async def _run(self, message: Any, headers: Headers, unit: UnitOfWork) -> Any:
        arguments = self._injection.arguments(headers, unit, self._worlds)
        return await self._call(message, arguments)

    async def _run_with_services(self, message: Any, headers: Headers, unit: UnitOfWork) -> Any:
        arguments = self._injection.arguments(headers, unit, self._worlds)
        async with AsyncExitStack() as stack:
            arguments |= await self._injector.message_services(
                self._injection, headers, unit, stack
            )
            return await self._call(message, arguments)

    def _limited(
        self, run: Callable[[Any, Headers, UnitOfWork], Awaitable[Any]], timeout: float
    ) -> Callable[[Any, Headers, UnitOfWork], Awaitable[Any]]:
        async def run_limited(message: Any, headers: Headers, unit: UnitOfWork) -> Any:
            with trio.move_on_after(timeout) as scope:
                return await run(message, headers, unit)
            if not scope.cancelled_caught:
                raise AssertionError("left without a result and without a time-out")
            raise HandlerTimeout(f"{self.spec.endpoint_id} ran longer than {timeout:g} s")

        return run_limited


def _caller(spec: HandlerSpec, worlds: "Worlds") -> Callable[[Any, dict[str, Any]], Awaitable[Any]]:
    """Return what calls the function in its world, with a message and keyword arguments."""
    function = spec.function
    if spec.world == "trio":

        async def call(message: Any, arguments: dict[str, Any]) -> Any:
            return await function(message, **arguments)

        return call
    system = worlds.system
    if spec.world == "asyncio":

        async def call_asyncio(message: Any, arguments: dict[str, Any]) -> Any:
            return await system.run_on_asyncio(partial(function, message, **arguments))

        return call_asyncio

    if spec.world == "process":

        async def call_process(message: Any, arguments: dict[str, Any]) -> Any:
            call = in_time(partial(function, message, **arguments))
            try:  # the limit counts from when the function begins, not from the wait for a worker
                return await system.run_in_process(call, timeout=spec.timeout)
            except HandlerTimedOut as error:
                text = f"{spec.endpoint_id} ran longer than {spec.timeout:g} s"
                raise HandlerTimeout(text) from error

        return call_process

    async def call_thread(message: Any, arguments: dict[str, Any]) -> Any:
        call = in_time(partial(function, message, **arguments))
        result = await system.run_in_thread(call, abandon_on_cancel=True)
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError(f"{spec.endpoint_id} is a plain function that returned a coroutine")
        return result

    return call_thread


_FOREIGN = (
    "no running event loop",
    "must be called from async context",
    "unrecognized yield message",
    "no current event loop",
)


def _add_hint(spec: HandlerSpec, error: Exception) -> None:
    """Say which option helps when a handler awaited what belongs to the other event loop."""
    other = {"trio": "asyncio", "asyncio": "trio"}.get(spec.world)
    if other is not None and any(text in str(error) for text in _FOREIGN):
        error.add_note(
            f"{spec.endpoint_id} ran on {spec.world}; if it needs {other}, say so:"
            f" ActorBus(..., runs_on={other!r}), or runs_on={other!r} of the handler"
        )
