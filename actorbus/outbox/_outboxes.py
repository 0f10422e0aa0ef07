"""Which channel on the store is whose outbox, and what a message for a broker is stored as.

Rules:
 1. A message for a broker is stored for the endpoint `broker:<broker channel>` of an outbox, and
    remembers the endpoint that it is for.
 2. The outbox is that of the combined channel that it is sent on; else that of the first combined
    channel that leads to the broker; else the one named "outbox".
 3. A broker channel that is declared `outbox=False` has none.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from actorbus._store import Outgoing
from actorbus.declaring._broker_channel import BrokerChannel
from actorbus.declaring._channel import Channel
from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._routed_channel import Routing

OUTBOX: Final = "outbox"
"""The name of the outbox of broker channels that are in no combined channel."""

PREFIX: Final = "broker:"
"""How the ids of the endpoints begin that relay."""


class Relay(NamedTuple):
    """Takes one broker channel's messages out of an outbox."""

    outbox: str
    broker: str

    @property
    def endpoint_id(self) -> str:
        """The id that its messages are stored for."""
        return relay_endpoint(self.broker)


class Outboxes:
    """All outboxes of a bus; worked out once, when it starts."""

    def __init__(self, channels: Iterable[Channel], routings: Iterable[Routing]) -> None:
        brokers = [one for one in channels if isinstance(one, BrokerChannel)]
        self.after_commit = frozenset(one.name for one in brokers if not one.outbox)
        """The broker channels that are sent to after the commit."""
        self._combined = {
            one.name: Relay(one.outbox, one.broker)
            for one in routings
            if isinstance(one, CombinedChannel)
        }
        self._of = {
            one.name: Relay(self._outbox_of(one.name), one.name) for one in brokers if one.outbox
        }

    def _outbox_of(self, broker: str) -> str:
        return next((one.outbox for one in self._combined.values() if one.broker == broker), OUTBOX)

    @property
    def relays(self) -> tuple[Relay, ...]:
        """What takes messages to brokers: one for each pair of an outbox and a broker channel."""
        return tuple(dict.fromkeys((*self._combined.values(), *self._of.values())))

    def broker_of(self, combined: str) -> str | None:
        """Return the channel at a broker that a combined channel leads to; None if it is none."""
        relay = self._combined.get(combined)
        return None if relay is None else relay.broker

    def relay_for(self, sent_on: str, stored_on: str) -> Relay | None:
        """Return what takes a message on, that was sent on one channel and is for another.

        None: it stays where it is.
        """
        relay = self._of.get(stored_on)
        if relay is None:
            return None
        combined = self._combined.get(sent_on)
        return combined if combined is not None and combined.broker == stored_on else relay

    def bound(self, copy: Outgoing) -> Outgoing:
        """Return a copy as it is to be stored: in the outbox, if its channel is a broker's."""
        relay = self._of.get(copy.channel)
        if relay is None:
            return copy
        return msgspec.structs.replace(
            copy,
            channel=relay.outbox,
            endpoint=relay.endpoint_id,
            for_endpoint=copy.for_endpoint or copy.endpoint,
        )

    def endpoints_of(self, outbox: str) -> tuple[HandlerSpec, ...]:
        """Return the endpoints that relay what is in an outbox."""
        return tuple(_spec(relay) for relay in self.relays if relay.outbox == outbox)


def relay_endpoint(broker: str) -> str:
    """Return the id of the endpoint that relays to a broker channel."""
    return f"{PREFIX}{broker}"


def broker_of(endpoint_id: str) -> str:
    """Return the broker channel that an endpoint relays to."""
    return endpoint_id.removeprefix(PREFIX)


def is_relay(endpoint_id: str) -> bool:
    """Return whether an endpoint relays to a broker."""
    return endpoint_id.startswith(PREFIX)


def _spec(relay: Relay) -> HandlerSpec:
    return HandlerSpec("command", None, "", _not_called, relay.endpoint_id, channel=relay.outbox)


async def _not_called(_: Any) -> None:
    raise AssertionError("a relay has no handler")
