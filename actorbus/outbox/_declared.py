"""The outboxes that nobody declared: made with the broker channels that need them."""

from collections.abc import Iterator

from actorbus.declaring._broker_channel import BrokerChannel
from actorbus.declaring._channel import StoreChannel, name_faults
from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.declaring._declared import Declared
from actorbus.outbox._outboxes import Outboxes


def declare_outboxes(declared: Declared) -> None:
    """Declare those that are needed and not there; take back those that are needed no more."""
    declared.channels = [pair for pair in declared.channels if pair[0] not in declared.own_outboxes]
    there = {channel.name for channel, _ in declared.channels}
    made = {
        name: (StoreChannel(name), where)
        for name, where in _needed(declared)
        if name not in there and not list(name_faults(name))
    }
    declared.own_outboxes = [channel for channel, _ in made.values()]
    declared.channels += made.values()


def _needed(declared: Declared) -> Iterator[tuple[str, str]]:
    for routing, where in declared.routings:
        if isinstance(routing, CombinedChannel) and routing.is_complete:
            yield routing.outbox, where
    routings = [one for one, _ in declared.routings if _is_usable(one)]
    outboxes = Outboxes([channel for channel, _ in declared.channels], routings)
    for channel, where in declared.channels:
        relay = outboxes.relay_for(channel.name, channel.name)
        if isinstance(channel, BrokerChannel) and relay is not None:
            yield relay.outbox, where


def _is_usable(routing: object) -> bool:
    return not isinstance(routing, CombinedChannel) or routing.is_complete
