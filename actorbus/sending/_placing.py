"""Where a message goes that is sent on a channel: the channel and tenant that it is stored for.

It is worked out when the message is sent, and again on the second of two hops. What is wrong is
the sender's to know: UnknownTenant, TooManyTenants, InvalidTenant, and what a rule raises.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

from actorbus.channels._tenant_directory import TenantDirectory
from actorbus.declaring._channel import Channel, DynamicChannel
from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.declaring._routed_channel import RoundRobinChannel, RoutedChannel, Routing
from actorbus.declaring._tenant_rules import NoTenant, TooManyTenants, UnknownTenant, found_by
from actorbus.outbox._outboxes import Outboxes

UNKNOWN_TENANT = "unknown tenant"
NO_TENANT = "no tenant"
UNKNOWN_ROUTE = "unknown route"


class Place(NamedTuple):
    """Where a copy is stored; `parked` says why it is held back there."""

    channel: str
    tenant: str = ""
    parked: str | None = None


Locate = Callable[[Any, Mapping[str, str]], Place]


class Places:
    """Finds the places on all channels of a run. Looking one up is all that a plain one costs."""

    def __init__(
        self,
        channels: Collection[Channel],
        routings: Collection[Routing],
    ) -> None:
        dynamic = [channel for channel in channels if isinstance(channel, DynamicChannel)]
        plain = {channel.name for channel in channels}.difference(one.name for one in dynamic)
        self._plain = frozenset(plain)
        self.directories = {channel.name: TenantDirectory(channel) for channel in dynamic}
        self.outboxes = Outboxes(channels, routings)
        self._fixed = {name: Place(name) for name in plain}
        for routing in routings:
            if isinstance(routing, CombinedChannel):  # also where it has its outbox's name
                self._fixed[routing.name] = Place(routing.broker)
        self._locate: dict[str, Locate] = {
            name: _always(place) for name, place in self._fixed.items()
        }
        for name, directory in self.directories.items():
            self._locate[name] = _Tenants(directory, plain)
        for routing in routings:
            if not isinstance(routing, CombinedChannel):
                self._locate[routing.name] = self._routing(routing)
        self._in_turn = frozenset(
            routing.name for routing in routings if isinstance(routing, RoundRobinChannel)
        )

    def default_channel(self, channel: DynamicChannel) -> str | None:
        """Return the channel that a dynamic one sends unknown tenants' messages to, if any."""
        return channel.unknown if channel.unknown in self._plain else None

    def locate(self, channel: str, message: Any, headers: Mapping[str, str]) -> Place:
        """Return where a message on this channel is stored."""
        fixed = self._fixed.get(channel)
        return self._locate[channel](message, headers) if fixed is None else fixed

    def check(self, channel: str, message: Any, headers: Mapping[str, str]) -> None:
        """Raise what `locate` would, without taking a turn."""
        if channel not in self._in_turn:
            self._locate[channel](message, headers)

    def _routing(self, routing: RoutedChannel | RoundRobinChannel) -> Locate:
        if isinstance(routing, RoundRobinChannel):
            return _InTurn([self._locate[name] for name in routing.channels])
        return _Route(routing, self._locate)


def _always(place: Place) -> Locate:
    return lambda _message, _headers: place


class _InTurn:
    """Where a round robin channel's messages go."""

    def __init__(self, others: Sequence[Locate]) -> None:
        self._turns = cycle(others)

    def __call__(self, message: Any, headers: Mapping[str, str]) -> Place:
        return next(self._turns)(message, headers)


class _Route:
    """Where a routed channel's messages go."""

    def __init__(self, channel: RoutedChannel, others: Mapping[str, Locate]) -> None:
        self._channel = channel
        self._to = {value: others[name] for value, name in channel.targets.items()}
        self._fallback = others.get(channel.unknown)

    def __call__(self, message: Any, headers: Mapping[str, str]) -> Place:
        name = self._channel.name
        try:
            value = found_by(self._channel.route, name, message, headers)
        except NoTenant:
            if self._channel.unknown == "error":
                raise
            value = ""
        follow = self._to.get(value, self._fallback)
        if follow is not None:
            return follow(message, headers)
        if self._channel.unknown == "park":
            return Place(name, value, UNKNOWN_ROUTE)
        known = ", ".join(sorted(self._to))
        raise UnknownTenant(f"channel {name!r} has no route for {value!r} (known: {known})")


class _Tenants:
    """Where a dynamic channel's messages go."""

    def __init__(self, directory: TenantDirectory, channels: Collection[str]) -> None:
        self._directory = directory
        self._channel = directory.channel
        self._name = directory.channel.name
        self._default = Place(self._channel.unknown) if self._channel.unknown in channels else None

    def __call__(self, message: Any, headers: Mapping[str, str]) -> Place:
        try:
            value = found_by(self._channel.tenant, self._name, message, headers)
        except NoTenant as error:
            return self._of_nobody(error)
        tenant = self._directory.find(value)
        return self._unknown(value) if tenant is None else self._counted(tenant)

    def _of_nobody(self, error: NoTenant) -> Place:
        unknown = self._channel.unknown
        if unknown in {"create", "error"}:
            raise error
        if unknown == "park":
            return self._counted("", NO_TENANT)
        return self._unknown("")

    def _unknown(self, value: str) -> Place:
        match self._channel.unknown:
            case "park":
                return self._counted(value, UNKNOWN_TENANT)
            case "dead_letter":
                return self._counted(value)
            case fallback if self._default is None and self._directory.knows(fallback):
                return self._counted(fallback)
        if self._default is not None:
            return self._default
        raise UnknownTenant(f"channel {self._name!r} knows no tenant {value!r}")

    def _counted(self, tenant: str, parked: str | None = None) -> Place:
        if self._directory.has_place(tenant):
            return Place(self._name, tenant, parked)
        raise TooManyTenants(
            f"channel {self._name!r}: {self._channel.max_tenants:,} tenants have messages on it,"
            f" as many as max_tenants= allows; {tenant!r} would be one more"
        )
