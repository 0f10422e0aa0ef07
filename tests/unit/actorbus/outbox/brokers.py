"""A broker in memory, and a channel at it, for tests of what goes to brokers."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field

from actorbus._store import Claimed, Outgoing
from actorbus.channels._broker import BrokerUnavailable
from actorbus.declaring._broker_channel import BrokerChannel


class FakeBroker:
    """Takes messages unless it is down; refuses those whose bodies hold a word."""

    def __init__(self, name: str = "kafka") -> None:
        self.name = name
        self.is_down = False
        self.refuses: bytes | None = None
        self.batches: list[list[Claimed | Outgoing]] = []
        self.tries = 0
        self.running = False

    async def start(self) -> None:
        if self.is_down:
            raise BrokerUnavailable("down")
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def publish(self, batch: Sequence[Claimed | Outgoing]) -> list[Exception | None]:
        self.tries += 1
        if self.is_down:
            return [BrokerUnavailable("down") for _ in batch]
        failed: set[str | None] = set()
        outcomes = [self._outcome(one, failed) for one in batch]
        self.batches.append([one for one, error in zip(batch, outcomes, strict=True) if not error])
        return outcomes

    def _outcome(self, message: Claimed | Outgoing, failed: set[str | None]) -> Exception | None:
        if message.ordering_key in failed:
            return BrokerUnavailable("behind one that failed")
        if self.refuses is not None and self.refuses in message.body:
            failed |= {message.ordering_key} - {None}
            return ValueError(f"refused: {message.message_id}")
        return None

    @property
    def published(self) -> list[Claimed | Outgoing]:
        """Everything that it took, in order."""
        return [one for batch in self.batches for one in batch]


@dataclass(frozen=True, slots=True)
class FakeChannel(BrokerChannel):
    """A channel at a broker in memory."""

    _: KW_ONLY
    broker: FakeBroker = field(default_factory=FakeBroker)

    def make_broker(self, now: Callable[[], float]) -> FakeBroker:
        return self.broker
