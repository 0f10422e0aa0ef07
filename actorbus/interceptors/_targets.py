"""What an interceptor is for: kinds, message types, handlers, markers, gateways; any of them.

"command", "event", "query"     a kind; "error": the handlers of error channels
a message type                  it and its subclasses
a text                          a message's name or routing key, or an endpoint id
a handler's function            that handler
a subclass of `Marker`          what carries such a marker
a gateway's class               what is sent through it or a subclass; at the gateway
nothing at all                  everything
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._services import name_of
from actorbus.distributed._gateway import DistributedBus
from actorbus.gateways._gateway import CommandBus, EventBus, Gateway, QueryBus
from actorbus.gateways._way import Way
from actorbus.interceptors._markers import Marker, class_markers, first_marker
from actorbus.messages._types import did_you_mean

Target = str | type | Callable[..., Any]

KINDS = ("command", "event", "query", "error")
_BASES: dict[str, type[Gateway]] = {"command": CommandBus, "event": EventBus, "query": QueryBus}


def is_gateway(target: object) -> bool:
    """Return whether the target is a gateway's class."""
    return isinstance(target, type) and issubclass(target, Gateway | DistributedBus)


def meets_handler(targets: Collection[Target], spec: HandlerSpec) -> bool:
    """Return whether the targets, or their absence, cover a handler."""
    return not targets or any(_covers(target, spec) for target in targets)


def _covers(target: Target, spec: HandlerSpec) -> bool:
    if isinstance(target, str):
        return target in {spec.kind, spec.type_name, spec.endpoint_id, *spec.aliases}
    if is_gateway(target):
        return False
    if isinstance(target, type) and issubclass(target, Marker):
        return first_marker(target, spec.markers) is not None
    return target is spec.function or _is_a(spec.message_type, target)


def _is_a(message_type: Any, target: Target) -> bool:
    if message_type is target:
        return True
    if not (isinstance(message_type, type) and isinstance(target, type)):
        return False
    try:
        return issubclass(message_type, target)
    except TypeError:  # a Protocol or a TypedDict, which has no subclasses
        return False


def meets_sending(
    targets: Collection[Target],
    way: Way,
    type_name: str,
    message_type: type,
    handlers: Iterable[HandlerSpec],
) -> bool:
    """Return whether the targets, or their absence, cover what is sent through a gateway."""
    return (
        not targets
        or any(_covers_sending(target, way, type_name, message_type) for target in targets)
        or any(_covers(target, spec) for spec in handlers for target in targets)
    )


def _covers_sending(target: Target, way: Way, type_name: str, message_type: type) -> bool:
    if isinstance(target, str):
        return target in {way.kind, type_name}
    if is_gateway(target):
        return issubclass(way.gateway, target) or target is _BASES[way.kind]  # type: ignore[arg-type]  # is_gateway looked
    if isinstance(target, type) and issubclass(target, Marker):
        return first_marker(target, class_markers(message_type)) is not None
    return _is_a(message_type, target)


def faults(
    targets: Iterable[Target], handlers: Collection[HandlerSpec], names: Collection[str]
) -> Iterator[str]:
    """Say which targets mean nothing on this bus; `names` are those of its messages."""
    for target in targets:
        if isinstance(target, str):
            known = {*KINDS, *names, *(spec.endpoint_id for spec in handlers)}
            known |= {alias for spec in handlers for alias in spec.aliases}
            if target not in known:
                hint = did_you_mean(target, known)
                yield f"{target!r} is no kind, message or endpoint of this bus{hint}"
        elif not isinstance(target, type) and not any(s.function is target for s in handlers):
            yield f"{name_of(target)} is no handler of this bus"
