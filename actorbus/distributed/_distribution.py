"""What a bus has to do with other services, checked: its maps, its inboxes, who is reachable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.distributed._gateway import DistributedBus
from actorbus.distributed._service_map import ServiceMap
from actorbus.distributed._wire import inbox_endpoint, relay_endpoint


@dataclass(slots=True)
class DeclaredDistribution:
    """What the program said about other services, with its places, unchecked."""

    maps: list[tuple[ServiceMap, str]] = field(default_factory=list)
    inboxes: list[tuple[str, str]] = field(default_factory=list)
    gateways: dict[type[DistributedBus], str] = field(default_factory=dict)

    def foreign_channels(self) -> frozenset[str]:
        """Return the channels that other services consume."""
        return frozenset(channel for one, _ in self.maps for _, channel in one.pairs)


@dataclass(frozen=True, slots=True)
class Relay:
    """Takes one service's messages out of an outbox, to its channel."""

    endpoint_id: str
    outbox: str
    target: str
    service: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """A service among others. `reachable` are the handlers that opted in, in declared order."""

    service: str
    inboxes: tuple[str, ...] = ()
    maps: Mapping[str, ServiceMap] = field(default_factory=dict)
    gateways: Mapping[type[DistributedBus], str] = field(default_factory=dict)
    reachable: tuple[HandlerSpec, ...] = ()

    @property
    def endpoint_id(self) -> str:
        """The id of this service's inbox."""
        return inbox_endpoint(self.service)

    def foreign_channels(self) -> frozenset[str]:
        """Return the channels that other services consume."""
        return frozenset(channel for one in self.maps.values() for _, channel in one.pairs)

    def relays(self) -> Sequence[Relay]:
        """Return what takes messages out of the outboxes: one for each outbox, map and service."""
        outboxes = {(one.channel, one.service_map) for one in self.gateways if one.channel}
        return [
            Relay(relay_endpoint(self.service, name, service), outbox, channel, service)
            for outbox, name in sorted(outboxes)
            for service, channel in self.maps[name].pairs
        ]

    def endpoints_of(self, channel: str) -> tuple[HandlerSpec, ...]:
        """Return the endpoints that are on a channel for other services' sake.

        On an inbox: the inbox itself, and the handlers behind it, for those without a channel of
        their own. On an outbox: its relays.
        """
        own = [
            _spec(relay.endpoint_id, channel) for relay in self.relays() if relay.outbox == channel
        ]
        if channel in self.inboxes:
            return (*own, _spec(self.endpoint_id, channel), *self.reachable)
        return tuple(own)

    def endpoint_ids(self) -> frozenset[str]:
        """Return the ids of the endpoints that are no handler's."""
        own = {self.endpoint_id} if self.inboxes else set()
        return frozenset({*own, *(relay.endpoint_id for relay in self.relays())})


def with_others(
    own: Iterable[HandlerSpec], others: Iterable[HandlerSpec]
) -> tuple[HandlerSpec, ...]:
    """Return all of these endpoints, each once."""
    return tuple({spec.endpoint_id: spec for spec in (*own, *others)}.values())


def _spec(endpoint_id: str, channel: str) -> HandlerSpec:
    return HandlerSpec("command", None, "", _not_called, endpoint_id, channel=channel)


async def _not_called(_: Any) -> None:
    raise AssertionError("an endpoint of the bus's own has no handler")


def is_plain_channel(channel: Channel) -> bool:
    """Return whether this can be a service's channel: tenants are found by who handles it."""
    return not channel.dynamic
