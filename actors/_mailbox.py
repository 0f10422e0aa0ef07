"""The mailbox: bounded lanes of messages, and who may take from them.

Rules: (1) at any time at most one owner takes: the actor's trio task or a thread for it;
       (2) a put into a mailbox without an owner makes one: it calls `owner.wake()`, unlocked;
       (3) the system lane is ahead of the user lane and is never full;
       (4) nothing is lost between a put and the end: `close` returns what is left, and every later
           put raises.
"""

from __future__ import annotations

import bisect
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from pykka import ActorDeadError, messages
from pykka._envelope import Envelope as PykkaEnvelope

from actors._errors import MailboxFull
from actors._reply import Reply
from supervisors import ConfigurationError

Overflow: TypeAlias = Literal["fail", "drop_newest", "drop_oldest"]

OVERFLOWS: Final = ("fail", "drop_newest", "drop_oldest")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """How much a mailbox holds, what a full one does, and in which order it is emptied.

    Under `fail` a full mailbox raises `MailboxFull` to the sender; `drop_newest` drops the message
    that finds no room, `drop_oldest` the one that has waited longest (under `priority`: of those
    that are served last). `priority(message)` returns a number; lower ones are handled first, equal
    ones in order.

    Raises:
        ConfigurationError: a capacity below 1, or an unknown policy

    """

    capacity: int = 10_000
    overflow: Overflow = "fail"
    priority: Callable[[Any], float] | None = None

    def __post_init__(self) -> None:
        problems = []
        capacity: object = self.capacity  # what callers give is not always what they should
        if not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 1:
            problems.append(f"capacity={self.capacity!r} is not allowed: give a whole number >= 1")
        if self.overflow not in OVERFLOWS:
            known = ", ".join(OVERFLOWS)
            problems.append(f"overflow={self.overflow!r} is not allowed: give one of {known}")
        if self.priority is not None and not callable(self.priority):
            problems.append(f"priority={self.priority!r} is not allowed: give a function")
        if problems:
            raise ConfigurationError("Mailbox", *problems)


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """A mailbox at one moment. Every accepted message is handled, waiting, dropped or left."""

    waiting: int
    capacity: int
    peak: int
    """The most that ever waited at once."""
    accepted: int
    taken: int
    """Handed to the actor, redeliveries included."""
    dropped: int
    """Accepted or offered, and dropped by the overflow policy."""
    refused: int
    """Refused to the sender with MailboxFull."""
    skipped: int
    """Requests that nobody waited for any more, and timer ticks that found no room."""
    discarded: int
    """In hand at a failure, and discarded by the disposition."""
    stashed: int


class Envelope(PykkaEnvelope[Any]):
    """A message on its way: who wants the answer, in which context, how often it was tried."""

    __slots__ = ("attempts", "context", "is_notice", "rank")

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


class Lane(Protocol):
    """What holds user messages: a deque, or lanes by priority."""

    def append(self, envelope: Envelope, /) -> None: ...
    def popleft(self) -> Envelope: ...
    def extendleft(self, envelopes: Iterable[Envelope], /) -> None: ...
    def __len__(self) -> int: ...


class Owner(Protocol):
    """Whose mailbox it is."""

    @property
    def path(self) -> str: ...
    def wake(self) -> None: ...
    def wake_for_stop(self) -> None: ...
    def on_drop(self, envelope: Envelope, /) -> None: ...


class MailboxQueue:
    """The queue of one actor. `put` never blocks, from any thread; see the rules above."""

    __slots__ = (
        "_lane",
        "_lock",
        "_owner",
        "_put_back",
        "_room",
        "_system",
        "accepted",
        "busy",
        "closed",
        "discarded",
        "dropped",
        "interrupted",
        "peak",
        "refused",
        "settings",
        "skipped",
        "stash",
        "taken",
    )

    def __init__(self, settings: Mailbox, owner: Owner) -> None:
        self.settings = settings
        self._owner = owner
        self._lock = threading.Lock()
        self._lane: Lane = _EMPTY
        self._system: deque[Envelope] | None = None
        self._put_back: Envelope | None = None  # a user message at the head of the system lane
        self._room: deque[Reply[None]] | None = None
        self.stash: list[Envelope] | None = None
        self.busy = True  # owned by the task that is about to start
        self.closed: str | None = None
        self.interrupted = False
        self.peak = self.accepted = self.taken = self.dropped = 0
        self.refused = self.skipped = self.discarded = 0

    # -- senders --------------------------------------------------------------------------

    def put(self, envelope: Envelope) -> None:
        """Accept the message, or do what the overflow policy says.

        Raises:
            MailboxFull: it is full and its policy is `fail`
            ActorDeadError: the actor has ended

        """
        dropped = None
        with self._lock:
            if self.closed is not None:
                raise ActorDeadError(self.closed)
            lane = self._lane
            waiting = len(lane)
            if waiting >= self.settings.capacity:
                dropped = self._overflow(envelope)
            if dropped is not envelope:
                if lane is _EMPTY:
                    lane = self._new_lane()
                lane.append(envelope)
                self.accepted += 1
                if waiting >= self.peak:
                    self.peak = waiting + 1
            wake = not self.busy
            self.busy = True
        if wake:
            self._owner.wake()
        if dropped is not None:
            self._owner.on_drop(dropped)

    def offer(self, envelope: Envelope) -> bool:
        """Accept the message if there is room, whatever the policy; ActorDeadError if it ended."""
        if len(self._lane) >= self.settings.capacity and self.closed is None:
            return False
        try:
            self.put_always(envelope, unless_full=True)
        except MailboxFull:
            return False
        return True

    def put_always(self, envelope: Envelope, *, unless_full: bool = False) -> None:
        """Accept the message in its place, full or not: for stop requests."""
        with self._lock:
            if self.closed is not None:
                raise ActorDeadError(self.closed)
            if unless_full and len(self._lane) >= self.settings.capacity:
                raise MailboxFull
            if self._lane is _EMPTY:
                self._new_lane()
            self._lane.append(envelope)
            self.accepted += 1
            self.peak = max(self.peak, len(self._lane))
            wake = not self.busy
            self.busy = True
        if wake and is_stop(envelope):
            self._owner.wake_for_stop()
        elif wake:
            self._owner.wake()

    def put_system(self, envelope: Envelope) -> bool:
        """Put a notice ahead of the user messages; False if the actor has ended."""
        with self._lock:
            if self.closed is not None:
                return False
            if self._system is None:
                self._system = deque()
            envelope.is_notice = True
            self._system.append(envelope)
            wake = not self.busy
            self.busy = True
        if wake:
            self._owner.wake()
        return True

    async def until_room(self) -> None:
        """Wait until there may be room again, or the actor has ended.

        If cancelled: the next one in the line is told in its place.
        """
        reply: Reply[None] = Reply()
        with self._lock:
            if self._room is None:
                self._room = deque()
            self._room.append(reply)
        self._announce_room()  # the owner, who looks for waiters unlocked, may just have made some
        try:
            await reply
        except BaseException:
            self._leave_line(reply)
            raise

    # -- the owner ------------------------------------------------------------------------

    def take(self) -> Envelope | None:
        """Return the next message, or None. Owner only."""
        if self._system and (ahead := self._take_ahead()) is not None:
            return ahead
        try:
            envelope = self._lane.popleft()
        except IndexError:
            return None
        self.taken += 1
        if self._room:
            self._announce_room()
        return envelope

    def release(self) -> bool:
        """Give up the ownership if nothing waits; False: there is more to do. Owner only."""
        with self._lock:
            if self._lane or self._system or self.interrupted:
                return False
            self.busy = False
            return True

    def seize(self) -> bool:
        """Become the owner if there is none."""
        with self._lock:
            if self.busy:
                return False
            self.busy = True
            return True

    def return_to_head(self, envelopes: Iterable[Envelope]) -> None:
        """Put messages back where they came from, the first one foremost."""
        with self._lock:
            if self._lane is _EMPTY:
                self._new_lane()
            self._lane.extendleft(reversed([*envelopes, *self._pop_put_back()]))
            wake = not self.busy  # it was a background task that unstashed
            self.busy = True
        if wake:
            self._owner.wake()

    def put_back(self, envelope: Envelope) -> None:
        """Undo `take`: the message is the next one again. Owner only."""
        with self._lock:
            if self._system is None:
                self._system = deque()
            self._system.appendleft(envelope)
            self._put_back = envelope

    def close(self, why: str) -> list[Envelope]:
        """Refuse messages from now on, and return those that are left."""
        with self._lock:
            self.closed = why
            left = [*(self.stash or ()), *self._pop_put_back(), *_drained(self._lane)]
            self.stash = self._system = None
            room, self._room = self._room, None
        for reply in room or ():
            reply.settle((None, None, None))
        return left

    # -- Pykka's inbox ----------------------------------------------------------------------

    def get(self) -> Envelope:
        """Return the next message; IndexError if there is none."""
        envelope = self.take()
        if envelope is None:
            raise IndexError("the mailbox is empty")
        return envelope

    def empty(self) -> bool:
        """Whether no user message waits."""
        return not self._lane

    def __len__(self) -> int:
        return len(self._lane)

    def statistics(self) -> MailboxStatistics:
        """Return its counters now."""
        return MailboxStatistics(
            waiting=len(self._lane) + (self._put_back is not None),
            capacity=self.settings.capacity,
            peak=self.peak,
            accepted=self.accepted,
            taken=self.taken,
            dropped=self.dropped,
            refused=self.refused,
            skipped=self.skipped,
            discarded=self.discarded,
            stashed=len(self.stash or ()),
        )

    # -- inside -------------------------------------------------------------------------------

    def _new_lane(self) -> Lane:
        priority = self.settings.priority
        self._lane = deque() if priority is None else PriorityLane(priority)
        return self._lane

    def _take_ahead(self) -> Envelope | None:
        """Take from the system lane; a background task may just have emptied it."""
        with self._lock:
            envelope = self._system.popleft() if self._system else None
            if envelope is self._put_back:
                self._put_back = None
            return envelope

    def _pop_put_back(self) -> list[Envelope]:
        """Remove what was put back from the system lane's head. The lock is held."""
        envelope, self._put_back = self._put_back, None
        if envelope is None or not self._system:
            return []
        return [self._system.popleft()]

    def _overflow(self, envelope: Envelope) -> Envelope | None:
        """Return which message is dropped, if any, for this one. The lock is held."""
        policy = self.settings.overflow
        if policy == "fail":
            self.refused += 1
            raise MailboxFull(
                f"the mailbox of {self._owner.path} holds {self.settings.capacity} messages; slow "
                "down, wait with `await ref.send(message)`, or choose another overflow policy"
            )
        dropped: Envelope | None = envelope
        if policy == "drop_oldest":
            if isinstance(self._lane, PriorityLane):
                self._lane.rank(envelope)  # before anything is dropped for it, since it may fail
            dropped = _first_droppable(self._lane)
            if dropped is None and len(self._lane) >= self.settings.capacity:
                dropped = envelope  # none but stop requests wait
        self.dropped += dropped is not None
        return dropped

    def _announce_room(self) -> None:
        """Tell who has waited longest, if there is room now."""
        with self._lock:
            if not self._room or self._is_full():
                return
            reply = self._room.popleft()
        reply.settle((None, None, None))

    def _leave_line(self, reply: Reply[None]) -> None:
        with self._lock:
            told = not self._room or reply not in self._room
            if self._room and not told:
                self._room.remove(reply)
        if told:
            self._announce_room()

    def _is_full(self) -> bool:
        return self.closed is None and len(self._lane) >= self.settings.capacity

    def forget_after_fork(self, why: str) -> None:
        """Refuse all messages from now on; a thread that is gone may hold the old lock."""
        self._lock = threading.Lock()
        self.closed = why


class EmptyLane:
    """Stands for the lane of a mailbox that never held a message: idle actors are many."""

    def append(self, _envelope: Envelope, /) -> None:
        """Refuse: it is shared."""
        raise NotImplementedError

    def popleft(self) -> Envelope:
        """Raise IndexError."""
        raise IndexError

    def extendleft(self, _envelopes: Iterable[Envelope], /) -> None:
        """Refuse: it is shared."""
        raise NotImplementedError

    def __len__(self) -> int:
        return 0


_EMPTY: Final = EmptyLane()


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

    def append(self, envelope: Envelope) -> None:
        """Add behind those of the same priority; a stop request behind all."""
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


def _drained(lane: Lane) -> list[Envelope]:
    return [lane.popleft() for _ in range(len(lane))]


def _first_droppable(lane: Lane) -> Envelope | None:
    """Remove and return what has waited longest, stop requests excepted."""
    take = lane.poplast if isinstance(lane, PriorityLane) else lane.popleft
    kept: list[Envelope] = []
    found = None
    while found is None:
        try:
            envelope = take()
        except IndexError:  # empty: the owner, who takes unlocked, may have been first
            break
        if is_stop(envelope):
            kept.append(envelope)
        else:
            found = envelope
    lane.extendleft(reversed(kept))
    return found
