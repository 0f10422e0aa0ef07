"""Start-up checks of rules that name a field: `field("customer")` for messages that have it.

Only what is certain is a fault: a handler's messages are of its own type, so that a type without
that field never has it. Left out are types with subclasses, which may have more, types that find
their attributes themselves, and plain data, which says nothing of its fields.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from actorbus.codecs._inspection import field_names
from actorbus.configuration._problems import Problems
from actorbus.declaring._channel import DynamicChannel
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._routed_channel import RoutedChannel
from actorbus.declaring._services import name_of
from actorbus.declaring._tenant_rules import field
from actorbus.messages._types import did_you_mean
from actorbus.options._ordering import Ordering

Said = tuple[str, object, str]
"""An option's name, its value, and of which channel it is: "" if the handler has it."""


def check_fields(declared: Declared, specs: Iterable[HandlerSpec], problems: Problems) -> None:
    """Note rules that ask for fields which the messages of their handlers do not have."""
    for spec in specs:
        known = _known_fields(spec)
        if known is None:
            continue
        for option, value, channel in _said(declared, spec):
            rule = value.key if isinstance(value, Ordering) else value
            if isinstance(rule, field) and not _has(spec.message_type, known, rule.name):
                of = f" of channel {channel!r}" if channel else ""
                hint = did_you_mean(rule.name, known)
                text = f"{name_of(spec.message_type)} has no field {rule.name!r}{hint}"
                problems.add(spec.where, f"{option}=field({rule.name!r}){of}: {text}")


def _known_fields(spec: HandlerSpec) -> frozenset[str] | None:
    """Return the fields of a handler's messages; None if it may get messages with others."""
    kind = spec.message_type
    if spec.channel is None or spec.route_by != "type" or not isinstance(kind, type):
        return None
    if hasattr(kind, "__getattr__") or type.__subclasses__(kind):
        return None
    return field_names(kind)


def _has(kind: type[Any], known: frozenset[str], name: str) -> bool:
    """Whether messages have it: by its name in a body, or in Python, properties included."""
    if name in known or hasattr(kind, name):
        return True
    return any(name in vars(base).get("__annotations__", {}) for base in kind.__mro__)


def _said(declared: Declared, spec: HandlerSpec) -> Iterator[Said]:
    channel = next((one for one, _ in declared.channels if one.name == spec.channel), None)
    for option in ("ordering_key", "deduplicate"):
        value = getattr(spec, option)  # what a handler leaves to its channel is filled in
        theirs = value is not None and value is getattr(channel, option, None)
        yield option, value, channel.name if channel and theirs else ""
    if isinstance(channel, DynamicChannel):
        yield "tenant", channel.tenant, channel.name
    for routing, _ in declared.routings:
        if routing.name == spec.channel and isinstance(routing, RoutedChannel):
            yield "route", routing.route, routing.name
