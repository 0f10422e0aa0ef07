"""Start and stop everything that moves messages: the poller, the channels, their endpoints."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from actorbus._channel import Channel
    from actorbus._dispatch import Dispatch
    from actorbus._handlers import HandlerSpec
    from actorbus._store import Claimed, Store
    from actorbus._unit_of_work import UnitOfWork
    from actors import ActorSystem


class BusRuntime(Protocol):
    """What the delivery needs of a running bus. All of it is used on the trio side."""

    @property
    def system(self) -> "ActorSystem": ...
    @property
    def store(self) -> "Store": ...
    @property
    def dispatch(self) -> "Dispatch": ...
    @property
    def channels(self) -> "Sequence[Channel]":
        """The declared channels that this process consumes."""
        ...

    def endpoints_of(self, channel: str) -> "Sequence[HandlerSpec]":
        """The asynchronous handlers on this channel, in declared order."""
        ...

    def synchronous(self) -> "Sequence[HandlerSpec]":
        """The handlers without a channel, queries included."""
        ...

    def unit_of_work(self, spec: "HandlerSpec", claimed: "Claimed", *, alone: bool) -> "UnitOfWork":
        """Make the unit of work of one message; `alone`: its turn is a commit of its own."""
        ...


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A message that was begun and not finished when the bus stopped. It is ready for others."""

    endpoint: str
    copy_id: str
    message_id: str


class Delivery(Protocol):
    """What runs once the bus does. `start_delivery` makes it."""

    async def stop(self, timeout: float) -> "Collection[Unfinished]":
        """Stop taking messages, finish what was begun, release the rest; return what was cut."""
        ...

    def report(self, spec: "HandlerSpec", error: BaseException | None) -> None:
        """Take the outcome of a synchronous call to its endpoint's actor. Never blocks."""
        ...


async def start_delivery(runtime: BusRuntime) -> Delivery:
    """Spawn /store, /channels/* and /endpoints/*; returns when all of them have started."""
    raise NotImplementedError
