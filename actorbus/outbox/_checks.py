"""Start-up checks of combined channels."""

from collections.abc import Iterator, Mapping

from actorbus.declaring._broker_channel import BrokerChannel
from actorbus.declaring._channel import Channel
from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.messages._types import did_you_mean


def combined_faults(combined: CombinedChannel, channels: Mapping[str, Channel]) -> Iterator[str]:
    """Say what is wrong with its members; an outbox that nobody declared is there by now."""
    outbox = channels.get(combined.outbox)
    if outbox is not None and (outbox.dynamic or isinstance(outbox, BrokerChannel)):
        kind = type(outbox).__name__
        yield f"{combined.outbox!r} is a {kind}: an outbox is a plain channel on the store"
    yield from _broker_faults(combined.broker, channels)
    if combined.name in channels and combined.name != combined.outbox:
        yield f"name={combined.name!r} is another channel's; only the outbox's may be taken"


def _broker_faults(name: str, channels: Mapping[str, Channel]) -> Iterator[str]:
    broker = channels.get(name)
    if broker is None:
        brokers = [one.name for one in channels.values() if isinstance(one, BrokerChannel)]
        yield f"no channel {name!r} at a broker{did_you_mean(name, brokers)}"
    elif not isinstance(broker, BrokerChannel):
        yield f"{name!r} is a {type(broker).__name__}, not a channel at a broker"
    elif not broker.outbox:
        yield f"{name!r} is declared with outbox=False; drop that, or send on it directly"
