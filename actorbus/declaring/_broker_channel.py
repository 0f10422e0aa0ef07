"""What all channels at a message broker have in common, as they are declared."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, ClassVar

from actorbus.declaring._channel import CAPABILITIES, StoreChannel

if TYPE_CHECKING:
    from actorbus.channels._broker import Broker


@dataclass(frozen=True, slots=True)
class BrokerChannel(StoreChannel, ABC):
    """A channel whose messages lie at a message broker; its kinds are made from this class.

    What is sent on it is stored in an outbox, with the sender's transaction, and relayed from
    there. With `outbox=False` it is produced after the commit instead: at most once, from the
    commit to the broker. Its retries, and what else has to wait, are in the store.
    """

    _: KW_ONLY
    outbox: bool = True

    of_a_broker: ClassVar[bool] = True

    @property
    def capabilities(self) -> frozenset[str]:  # type: ignore[override]  # it depends on `outbox`
        """What its messages may ask for: no priority; a delay needs the outbox."""
        return CAPABILITIES - ({"priority"} if self.outbox is True else {"priority", "delay"})

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        yield from StoreChannel.problems(self)
        if not isinstance(self.outbox, bool):
            yield f"outbox={self.outbox!r} is not allowed: give True or False"

    @abstractmethod
    def make_broker(self, now: Callable[[], float]) -> "Broker":
        """Return what produces its messages; `now` is the Unix time by the store's clock."""
