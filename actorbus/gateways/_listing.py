"""The gateways of a bus as data, for people and for `actorbus list`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from actorbus.declaring._handlers import Kind
from actorbus.distributed._gateway import DistributedBus
from actorbus.gateways._gateway import CommandBus, EventBus, Gateway, QueryBus
from actorbus.gateways._interface import methods_of
from actorbus.gateways._way import Way


@dataclass(frozen=True, slots=True)
class GatewayListing:
    """One gateway of a bus, or one method of a business interface.

    `name` is the class's, with the method's after a dot. `kind` is "distributed" for one that sends
    commands and events to other services. `channel` is what it sends through, None for one that
    calls synchronous handlers at once, or stores at once on the services' channels. `options` are
    its other keywords, as text. `where` is the place that the program asked for it, "" for the
    bus's own.
    """

    name: str
    kind: Kind | Literal["distributed"]
    channel: str | None
    options: Mapping[str, str]
    where: str


def listed(
    gateways: Mapping[type[Gateway], str], interfaces: Mapping[type, str]
) -> tuple[GatewayListing, ...]:
    """Return all gateways: the bus's own three, then the program's, in the order it named them."""
    own: list[type[Gateway]] = [CommandBus, EventBus, QueryBus]
    found = [_listing(kind.way, kind.__name__, "") for kind in own]
    found += [
        _listing(kind.way, _name(kind), where)
        for kind, where in gateways.items()
        if kind not in own
    ]
    found += _methods(interfaces.items())
    return tuple(found)


def distributed(gateways: Mapping[type[DistributedBus], str]) -> Iterator[GatewayListing]:
    """Return the gateways to other services that the program or its handlers asked for."""
    for kind, where in gateways.items():
        texts = {name: _text(value) for name, value in kind.options.items()}
        texts["service_map"] = kind.service_map
        yield GatewayListing(_name(kind), "distributed", kind.channel, texts, where)


def _methods(interfaces: Iterable[tuple[type, str]]) -> list[GatewayListing]:
    return [
        _listing(method.way, f"{_name(interface)}.{method.name}", where)
        for interface, where in interfaces
        for method in methods_of(interface)[0]
    ]


def _listing(way: Way, name: str, where: str) -> GatewayListing:
    options: dict[str, Any] = dict(way.options)
    options |= {"retry": way.retry or way.later, "deduplicate": way.deduplicate}
    options |= {"error_channel": way.error_channel}
    texts = {option: _text(value) for option, value in options.items() if value is not None}
    return GatewayListing(name, way.kind, way.channel, texts, where)


def _text(value: Any) -> str:
    return getattr(value, "__qualname__", None) or repr(value)


def _name(kind: type) -> str:
    return kind.__qualname__.rpartition("<locals>.")[2]
