"""Interceptors as they are declared, and the check of them when the bus starts."""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any, Literal, get_origin

from actorbus._errors import Problem
from actorbus.declaring._handlers import HandlerSpec, is_async, resolved_parameters
from actorbus.declaring._services import Services, name_of
from actorbus.handling import _inject
from actorbus.interceptors._markers import Marker
from actorbus.interceptors._passage import Invocation, Passage, Sending
from actorbus.interceptors._targets import Target, faults, is_gateway
from actorbus.messages._types import TypeRegistry
from actorbus.options._options import is_whole

Stage = Literal["before_sending", "before", "around", "after"]

STAGES: tuple[Stage, ...] = ("before_sending", "before", "around", "after")


@dataclass(frozen=True, slots=True, eq=False)
class Interceptor:
    """One function that is called around handlers or sends, and for which of them."""

    stage: Stage
    function: Callable[..., Any]
    targets: tuple[Target, ...]
    order: int
    where: str
    runs_on: Literal["trio", "asyncio"] | None = None
    enclosing: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def at_gateway(self) -> bool:
        """Whether it is called when a message is sent, rather than when it is handled."""
        return self.stage == "before_sending" or any(map(is_gateway, self.targets))

    @property
    def position(self) -> Literal["before", "around", "after"]:
        """Where it belongs in a chain."""
        return "before" if self.stage == "before_sending" else self.stage

    def parameters(self) -> list[Parameter]:
        """Return its parameters, annotations resolved. Raises what an annotation raises."""
        return list(resolved_parameters(self.function, self.enclosing).values())


@dataclass(slots=True)
class Interceptors:
    """All that were declared on a bus. `unused` are decorators that nothing was decorated with."""

    declared: list[Interceptor] = field(default_factory=list)
    unused: dict[int, Problem] = field(default_factory=dict)

    def problems(
        self, handlers: Collection[HandlerSpec], types: TypeRegistry, services: Services
    ) -> Iterator[Problem]:
        """Say what is wrong with them, each with its place."""
        yield from self.unused.values()
        for one in self.declared:
            for fault in _faults(one, handlers, types, services):
                yield Problem(one.where, fault)


def _faults(
    one: Interceptor,
    handlers: Collection[HandlerSpec],
    types: TypeRegistry,
    services: Services,
) -> Iterator[str]:
    yield from faults(one.targets, handlers, tuple(types))
    if not is_whole(one.order):
        yield f"order={one.order!r} is not allowed: give a whole number"
    if one.stage != "before_sending" and len({is_gateway(target) for target in one.targets}) > 1:
        yield "is for gateways and for handlers: declare it once for each"
    if one.stage == "around" and not is_async(one.function):
        yield "is an around and awaits what it is around: make it `async def`"
    yield from _world_faults(one)
    try:
        parameters = one.parameters()
    except Exception as error:  # noqa: BLE001  annotations run the user's code when resolved
        yield f"an annotation cannot be resolved: {error}"
        return
    yield from _parameter_faults(one, parameters, services)


def _world_faults(one: Interceptor) -> Iterator[str]:
    if one.runs_on not in {None, "trio", "asyncio"}:
        yield f"runs_on={one.runs_on!r} is not allowed: give 'trio' or 'asyncio'"
    elif one.runs_on is not None and not is_async(one.function):
        yield f"runs_on={one.runs_on!r} is for async functions; this plain one runs where it is"


def _parameter_faults(
    one: Interceptor, parameters: list[Parameter], services: Services
) -> Iterator[str]:
    wanted = Sending if one.at_gateway else Invocation
    if not parameters:
        yield f"takes nothing: its first parameter is the {wanted.__name__}"
        return
    first, *rest = parameters
    kind = get_origin(first.annotation) or first.annotation
    if kind not in {wanted, Passage, Any, Parameter.empty}:
        yield f"parameter {first.name!r} is the {wanted.__name__}, not {name_of(kind)}"
    others = [parameter for parameter in rest if not _is_marker(parameter.annotation)]
    yield from _inject.faults(others, services)
    yield from _lifetime_faults(one, others, services)
    yield from _marker_faults(one, rest)


def _lifetime_faults(
    one: Interceptor, parameters: Iterable[Parameter], services: Services
) -> Iterator[str]:
    for parameter in parameters:
        kind = parameter.annotation
        if kind in services and services[kind].scope == "message":
            yield f"parameter {parameter.name!r}: {name_of(kind)} lives for a message's handler"
        elif one.at_gateway and _inject.of_a_message(kind):
            yield f"parameter {parameter.name!r}: there is no {name_of(kind)} yet at a gateway"


def _marker_faults(one: Interceptor, parameters: Iterable[Parameter]) -> Iterator[str]:
    """A marker is asked for by what is declared for it alone, so that it is always there."""
    for parameter in parameters:
        kind = parameter.annotation
        if _is_marker(kind) and not (one.targets and all(_gives(t, kind) for t in one.targets)):
            text = f"declare it for {name_of(kind)} alone, so that there is one"
            yield f"parameter {parameter.name!r}: {text}"


def _gives(target: Target, marker: type) -> bool:
    return isinstance(target, type) and issubclass(target, marker)


def _is_marker(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, Marker)
