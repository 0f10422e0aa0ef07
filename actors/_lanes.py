"""What waits in a mailbox: envelopes and bare messages, in a deque or in lanes by priority.

A `tell` that carries nothing but its message puts it into the lane bare: making an envelope would
cost more than all else that `put` does. Who takes it out and needs one makes it then.
"""

from __future__ import annotations

import bisect
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any, Final, Protocol, TypeAlias

from pykka import messages
from pykka._envelope import Envelope as PykkaEnvelope

from actors._reply import Reply

Item: TypeAlias = Any
"""An `Envelope`, or the bare message of a `tell`."""


class Envelope(PykkaEnvelope[Any]):
    """A message on its way: who wants the answer, in which context, how often it was tried."""

    __slots__ = ("attempts", "context", "is_notice", "rank")

    reply_to: Reply[Any] | None
    rank: float
    """Set by a mailbox with priorities, which asks for it once."""

    def __init__(
        self, message: Any, reply_to: Reply[Any] | None = None, context: Context | None = None
    ) -> None:
        self.message = message
        self.reply_to = reply_to
        self.context = context
        self.attempts = 0
        self.is_notice = False


def as_envelope(item: Item) -> Envelope:
    """Return the item, in an envelope if it was bare."""
    return item if type(item) is Envelope else Envelope(item)


class Lane(Protocol):
    """What holds user messages: a deque, or lanes by priority."""

    def append(self, item: Item, /) -> None: ...
    def popleft(self) -> Item: ...
    def extendleft(self, items: Iterable[Item], /) -> None: ...
    def __len__(self) -> int: ...


class EmptyLane:
    """Stands for the lane of a mailbox that never held a message: idle actors are many."""

    def append(self, _item: Item, /) -> None:
        """Refuse: it is shared."""
        raise NotImplementedError

    def popleft(self) -> Item:
        """Raise IndexError."""
        raise IndexError

    def extendleft(self, _items: Iterable[Item], /) -> None:
        """Refuse: it is shared."""
        raise NotImplementedError

    def __len__(self) -> int:
        return 0


EMPTY: Final = EmptyLane()


class PriorityLane:
    """Messages by priority, lowest first, each priority in order."""

    __slots__ = ("_by_priority", "_length", "_lock", "_order", "_priority")

    def __init__(self, priority: Callable[[Any], float]) -> None:
        self._priority = priority
        self._order: list[float] = []
        self._by_priority: dict[float, deque[Envelope]] = {}
        self._length = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._length

    def append(self, item: Item) -> None:
        """Add behind those of the same priority; a stop request behind all."""
        envelope = as_envelope(item)
        priority = envelope.rank = self.rank(envelope)
        with self._lock:
            self._queue(priority).append(envelope)
            self._length += 1

    def popleft(self) -> Envelope:
        """Remove the foremost of the lowest priority; IndexError if there is none."""
        with self._lock:
            return self._pop(self._order[0])

    def poplast(self) -> Envelope:
        """Remove the foremost of the highest priority; IndexError if there is none."""
        with self._lock:
            return self._pop(self._order[-1])

    def extendleft(self, envelopes: Iterable[Envelope]) -> None:
        """Put messages back at the head of their priorities."""
        for envelope in envelopes:
            with self._lock:
                self._queue(envelope.rank).appendleft(envelope)
                self._length += 1

    def rank(self, envelope: Envelope) -> float:
        """Return the priority of a message.

        Raises:
            TypeError, ValueError: the function returned no number
            Exception: what the function raised

        """
        if is_stop(envelope):
            return math.inf
        rank: object = self._priority(envelope.message)  # foreign code
        if not isinstance(rank, int | float):
            raise TypeError(f"{self._priority!r} returned {rank!r}: return a number")
        if math.isnan(rank):
            raise ValueError(
                f"{self._priority!r} returned {rank!r}, which has no place in an order"
            )
        return rank

    def _queue(self, priority: float) -> deque[Envelope]:
        queue = self._by_priority.get(priority)
        if queue is None:
            queue = self._by_priority[priority] = deque()
            bisect.insort(self._order, priority)
        return queue

    def _pop(self, priority: float) -> Envelope:
        queue = self._by_priority[priority]
        envelope = queue.popleft()
        self._length -= 1
        if not queue:
            del self._by_priority[priority]
            self._order.remove(priority)
        return envelope


class StopItself:
    """The message of `self.stop()`: a permanent child comes back after it."""


def is_stop(envelope: Envelope) -> bool:
    """Whether this is a request to stop, which no policy drops."""
    return isinstance(envelope.message, messages._ActorStop | StopItself)


def drained(lane: Lane) -> list[Envelope]:
    """Remove all there is."""
    return [as_envelope(lane.popleft()) for _ in range(len(lane))]


def removed(lane: Lane, item: Item) -> bool:
    """Remove this very item; False if it is not there any more."""
    if not isinstance(lane, deque):
        return False
    for index, one in enumerate(tuple(lane)):  # a copy: others may append meanwhile
        if one is item:
            del lane[index]
            return True
    return False


def first_droppable(lane: Lane) -> Envelope | None:
    """Remove and return what has waited longest, stop requests excepted."""
    take = lane.poplast if isinstance(lane, PriorityLane) else lane.popleft
    kept: list[Envelope] = []
    found = None
    while found is None:
        try:
            envelope = as_envelope(take())
        except IndexError:  # empty: the owner, who takes unlocked, may have been first
            break
        if is_stop(envelope):
            kept.append(envelope)
        else:
            found = envelope
    lane.extendleft(reversed(kept))
    return found
