"""The user's own services: made once per run of the bus, or once per message.

A factory is a function whose parameters are services too, found by their annotations. What it
returns is awaited if it can be, and entered if it is a context manager made for that: it is left
when the bus stops, or when the message's handler is done. That happens where async handlers run
by default, on trio or asyncio, unless the service says otherwise.
"""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import trio

from actorbus._errors import Problem
from actorbus.options._options import RunsOn
from actors import ActorSystem, Reply

Scope = Literal["app", "message"]
Resolve = Callable[[Any], Any]
"""From a type to the value that is injected for it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One `bus.provide`: what makes the value for a type, and how long that lives."""

    type: Any
    factory: Callable[..., Any] | None
    value: Any
    scope: Scope
    where: str
    runs_on: RunsOn | None = None

    def needs(self) -> dict[str, Any]:
        """Return the annotations of the factory's parameters; those with a default are left out.

        Raises what an annotation raises when it is resolved.
        """
        if self.factory is None:
            return {}
        target = self.factory.__init__ if isinstance(self.factory, type) else self.factory  # type: ignore[misc]  # its signature alone is read
        hints = typing.get_type_hints(inspect.unwrap(target))
        parameters = inspect.signature(self.factory).parameters.values()
        return {
            parameter.name: hints.get(parameter.name, parameter.annotation)
            for parameter in parameters
            if parameter.default is parameter.empty
            and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        }


class Services:
    """What `bus.provide` was told, and the order in which app services are made."""

    def __init__(self) -> None:
        self._by_type: dict[Any, Service] = {}
        self._twice: list[Problem] = []
        self._needs: dict[Any, dict[str, Any]] = {}

    def add(self, service: Service) -> None:
        """Remember a service; a second one for the same type is a problem at start-up."""
        first = self._by_type.setdefault(service.type, service)
        if first is not service:
            text = f"{name_of(service.type)} is provided already, at {first.where}"
            self._twice.append(Problem(service.where, text))

    def with_values(self, values: Mapping[Any, Any], where: str) -> "Services":
        """Return these services, but for those whose values are given."""
        others = Services()
        others._twice = list(self._twice)
        others._by_type = dict(self._by_type)
        for kind, value in values.items():
            others._by_type[kind] = Service(kind, None, value, "app", where)
        return others

    def __contains__(self, kind: object) -> bool:
        return _hashable(kind) and kind in self._by_type

    def __getitem__(self, kind: Any) -> Service:
        return self._by_type[kind]

    def __iter__(self) -> Iterator[Service]:
        return iter(self._by_type.values())

    def problems(self, known: Callable[[Any], bool]) -> Iterator[Problem]:
        """Say what is wrong; `known` tells which other types the bus injects per message."""
        yield from self._twice
        for service in self:
            yield from self._problems_of(service, known)
        for cycle in self._cycles():
            names = " -> ".join(name_of(kind) for kind in cycle)
            yield Problem(self._by_type[cycle[0]].where, f"services need each other: {names}")

    def _problems_of(self, service: Service, known: Callable[[Any], bool]) -> Iterator[Problem]:
        try:
            needs = service.needs()
        except Exception as error:  # noqa: BLE001  annotations run the user's code when resolved
            yield Problem(service.where, f"{name_of(service.type)}: {error}")
            return
        for name, kind in needs.items():
            if (fault := self._fault(service, kind, known)) is not None:
                yield Problem(
                    service.where,
                    f"factory of {name_of(service.type)}, parameter {name!r}: {fault}",
                )

    def _fault(self, service: Service, kind: Any, known: Callable[[Any], bool]) -> str | None:
        if kind in self:
            if service.scope == "app" and self[kind].scope == "message":
                return f"{name_of(kind)} lives for a message, this service for the whole run"
            return None
        if kind is inspect.Parameter.empty:
            return "has no annotation to say what it is"
        if not known(kind):
            return f"nothing provides {name_of(kind)}"
        if service.scope == "app":
            return f"{name_of(kind)} belongs to a message, this service lives for the whole run"
        return None

    def _cycles(self) -> Iterator[list[Any]]:
        """Yield each cycle of services once, beginning at the one that was provided first."""
        settled: set[Any] = set()
        for start in self._by_type:
            path: list[Any] = []
            if (cycle := self._walk(start, path, settled)) is not None:
                yield cycle

    def _walk(self, kind: Any, path: list[Any], settled: set[Any]) -> list[Any] | None:
        if kind in path:
            return [*path[path.index(kind) :], kind]
        if kind in settled or kind not in self:
            return None
        path.append(kind)
        for need in _needs_or_none(self[kind]).values():
            if (cycle := self._walk(need, path, settled)) is not None:
                settled.update(path)
                return cycle
        settled.add(path.pop())
        return None

    async def make(
        self,
        kind: Any,
        made: dict[Any, Any],
        other: Resolve,
        entrance: "Entrance",
    ) -> Any:
        """Return the value for a type, making it and what it needs; `made` keeps them."""
        if kind in made:
            return made[kind]
        if kind not in self:
            return other(kind)
        service = self[kind]
        if service.factory is None:
            return service.value
        if kind not in self._needs:
            self._needs[kind] = service.needs()
        needs = {
            name: await self.make(need, made, other, entrance)
            for name, need in self._needs[kind].items()
        }
        made[kind] = await entrance.enter(service, needs)
        return made[kind]

    async def make_app(self, other: Resolve, entrance: "Entrance") -> dict[Any, Any]:
        """Make all services that live for the run, in the order that they need each other."""
        made: dict[Any, Any] = {}
        for service in self:
            if service.scope == "app":
                made[service.type] = await self.make(service.type, made, other, entrance)
        return made


class Entrance:
    """Makes and enters services where they belong; its stack leaves them again, on the trio side.

    On the asyncio side each has a task of its own, which enters it, waits, and leaves it.
    """

    __slots__ = ("_stack", "_system", "_world")

    def __init__(self, system: ActorSystem, world: RunsOn, stack: AsyncExitStack) -> None:
        self._system = system
        self._world = world
        self._stack = stack

    async def enter(self, service: Service, needs: Mapping[str, Any]) -> Any:
        """Return what is injected for a service."""
        make = partial(service.factory, **needs) if service.factory else None
        if make is None:
            return service.value
        if (service.runs_on or self._world) == "trio":
            return await entered(make(), self._stack)
        ready: Reply[Any] = Reply()
        leave: Reply[BaseException | None] = Reply()
        held = self._system.run(self._system.run_on_asyncio, _hold, make, ready, leave)
        held.add_done_callback(lambda _: ready.cancel())

        async def exit_there(_kind: object, error: BaseException | None, _trace: object) -> None:
            leave.settle((error, None, None))
            with trio.CancelScope(shield=True):
                await held

        self._stack.push_async_exit(exit_there)
        return await ready


async def _hold(
    make: Callable[[], Any], ready: Reply[Any], leave: Reply[BaseException | None]
) -> None:
    """Enter a service, wait, and leave it, by the handler's error if there was one."""
    error = None
    try:
        async with AsyncExitStack() as stack:
            try:
                ready.settle((await entered(make(), stack), None, None))
            except Exception as failure:
                if ready.fail(failure):
                    return
                raise
            error = await leave
            if error is not None:
                raise error
    except BaseException as raised:
        if raised is not error:
            raise


async def entered(value: Any, stack: AsyncExitStack) -> Any:
    """Return what is injected for what a factory returned."""
    if inspect.isawaitable(value) and not isinstance(value, AbstractAsyncContextManager):
        value = await value
    if isinstance(value, AbstractAsyncContextManager):
        return await stack.enter_async_context(value)
    if _is_generator_manager(value):
        return stack.enter_context(value)
    return value


def _is_generator_manager(value: object) -> bool:
    """Whether `@contextmanager` made it; other plain ones (a lock, a connection) are the value."""
    return isinstance(value, AbstractContextManager) and hasattr(value, "gen")


def _needs_or_none(service: Service) -> Mapping[str, Any]:
    try:
        return service.needs()
    except Exception:  # noqa: BLE001  reported by Services.problems
        return {}


def _hashable(kind: object) -> bool:
    try:
        hash(kind)
    except TypeError:
        return False
    return True


def name_of(kind: Any) -> str:
    """Return a type in words."""
    return getattr(kind, "__qualname__", None) or repr(kind)
