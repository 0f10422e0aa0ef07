"""What the log says about a message broker, and the partitions that this process has of a topic."""

import logging

from actorbus._bus_events import (
    BrokerRecovered,
    BrokerTrouble,
    EndpointHealthy,
    EndpointSick,
    PartitionsAssigned,
    PartitionsRevoked,
)
from actorbus.channels._broker import BrokerUnavailable
from actors.events import Event, EventStream

logger = logging.getLogger("actorbus")


def log_broker(events: EventStream) -> None:
    """Write how a channel's broker is to the logger `actorbus`."""
    events.subscribe(_log, BrokerTrouble, BrokerRecovered, PartitionsAssigned, PartitionsRevoked)
    events.subscribe(_Producing().log, EndpointSick, EndpointHealthy)


class _Producing:
    """Tells once of a broker that takes no messages: each probe that fails finds the same."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def log(self, event: Event) -> None:
        if isinstance(event, EndpointHealthy):
            self._told.pop(event.path, None)
        elif isinstance(event, EndpointSick) and isinstance(event.cause, BrokerUnavailable):
            self._tell(event, str(event.cause))

    def _tell(self, event: EndpointSick, reason: str) -> None:
        if self._told.get(event.path) != reason:
            self._told[event.path] = reason
            text = "%s: a broker takes no messages, and is tried again: %s"
            logger.warning(text, event.endpoint, reason)


def _log(event: Event) -> None:
    match event:
        case BrokerTrouble():
            text = "channel %s: its broker is in trouble, and is tried again: %r"
            logger.warning(text, event.channel, event.error)
        case BrokerRecovered():
            logger.info("channel %s: its broker answers again", event.channel)
        case PartitionsAssigned():
            logger.info("channel %s: has partitions %s now", event.channel, _list(event.partitions))
        case PartitionsRevoked():
            text = "channel %s: handed partitions %s over, %d messages of them had not ended"
            logger.info(text, event.channel, _list(event.partitions), event.running)
        case _:
            raise AssertionError(f"not subscribed to: {event!r}")


def _list(partitions: tuple[int, ...]) -> str:
    return ", ".join(map(str, partitions)) or "none"
