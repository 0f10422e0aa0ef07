"""The contract of a message broker that outboxes are relayed to."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from actorbus._store import Claimed, Outgoing


@runtime_checkable
class Broker(Protocol):
    """What produces a channel's messages: one per broker channel, while the bus runs.

    All of it runs on the asyncio loop of the drivers' thread; see `DriverThread`.
    """

    @property
    def name(self) -> str:
        """The channel whose messages it produces."""
        ...

    async def start(self) -> None:
        """Connect, or make ready to. Raises ConnectionError or the driver's own; may be retried.

        Called again after `stop`, and after it has failed.
        """
        ...

    async def stop(self) -> None:
        """Send what is on its way, within a limit, and disconnect. Safe to repeat."""
        ...

    async def publish(self, batch: Sequence[Claimed | Outgoing]) -> list[Exception | None]:
        """Produce messages, in this order per ordering key, until the broker has acknowledged them.

        A message's endpoint is its `for_endpoint`. Returns what became of each, in the same order:
        None, or an error. BrokerUnavailable says that the broker cannot take anything now: what has
        it may have arrived or not. Any other error is that message's own. After one of a key has
        failed, none behind it in this batch is produced: those have BrokerUnavailable too.

        If cancelled: each of them has arrived, or not, and is to be sent again.
        """
        ...


class BrokerUnavailable(ConnectionError):
    """The broker cannot take messages now: nothing is wrong with them, they are sent again."""
