"""The mailbox: bounded lanes of messages, and who may take from them.

Rules: (1) at any time at most one owner takes: the actor's trio task or a thread for it;
       (2) a put into a mailbox without an owner makes one: it calls `owner.wake()`, unlocked;
       (3) the system lane is ahead of the user lane and is never full;
       (4) nothing is lost between a put and the end: `close` returns what is left, and every later
           put raises.

A put far from the bound takes no lock. It appends, which is atomic, and then reads `busy`; the
owner that gives up clears `busy` and then looks at the lane. So one of the two sees the other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from pykka import ActorDeadError
from trio.lowlevel import enable_ki_protection

from actors._errors import MailboxFull
from actors._lanes import (
    EMPTY,
    Envelope,
    Item,
    Lane,
    PriorityLane,
    as_envelope,
    drained,
    first_droppable,
    is_stop,
    removed,
)
from actors._reply import Reply
from supervisors import ConfigurationError

Overflow: TypeAlias = Literal["fail", "drop_newest", "drop_oldest"]

OVERFLOWS: Final = ("fail", "drop_newest", "drop_oldest")

MARGIN: Final = 1_000
"""How near to the bound puts take the lock. To pass the bound without it, more threads than this
would have to stand between the same two steps of `put` at once."""


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()
"""Taken from an empty mailbox. Not None, which is a message like any other."""


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


class Owner(Protocol):
    """Whose mailbox it is."""

    @property
    def path(self) -> str: ...
    def wake(self) -> None: ...
    def wake_for_stop(self, envelope: Envelope, /) -> None: ...
    def on_drop(self, envelope: Envelope, /) -> None: ...


class MailboxQueue:
    """The queue of one actor. `put` never blocks, from any thread; see the rules above."""

    __slots__ = (
        "_lane",
        "_lock",
        "_otherwise",
        "_owner",
        "_put_back",
        "_quick",
        "_room",
        "_system",
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
        self._lane: Lane = EMPTY
        self._quick = 0  # while fewer wait, `put` takes no lock
        self._system: deque[Envelope] | None = None
        self._put_back: Envelope | None = None  # a user message at the head of the system lane
        self._room: deque[Reply[None]] | None = None
        self.stash: list[Envelope] | None = None
        self.busy = True  # has an owner, first the one that starts it; False once it is closed
        self.closed: str | None = None
        self.interrupted = False
        self.peak = self.taken = self.dropped = self.refused = self.skipped = self.discarded = 0
        self._otherwise = 0  # how many left the lane but by `take`, less those that came back

    # -- senders --------------------------------------------------------------------------

    @enable_ki_protection  # Ctrl-C between the put and the wake would leave it to nobody
    def put(self, item: Item) -> None:
        """Accept an envelope, or a bare message, or do what the overflow policy says.

        Raises:
            MailboxFull: it is full and its policy is `fail`
            ActorDeadError: the actor has ended

        """
        lane = self._lane
        waiting = len(lane)
        if waiting >= self._quick:
            self._put_carefully(item)
            return
        lane.append(item)
        if waiting >= self.peak:
            self.peak = waiting + 1
        if not self.busy:
            self._look_for_owner(lane, item)

    def _put_carefully(self, item: Item) -> None:
        """Put the first message, or one near the bound, or one with a priority."""
        envelope, dropped = as_envelope(item), None
        with self._lock:
            if self.closed is not None:
                raise ActorDeadError(self.closed)
            if len(self._lane) >= self.settings.capacity:
                dropped = self._overflow(envelope)
            if dropped is not envelope:
                self._append(envelope)
            wake = self._seize()
        if wake:
            self._owner.wake()
        if dropped is not None:
            self._owner.on_drop(dropped)

    def _look_for_owner(self, lane: Lane, item: Item) -> None:
        """Wake the owner for an item that was appended, or take it back from a closed mailbox."""
        with self._lock:
            wake = self._seize()
            too_late = self.closed is not None and removed(lane, item)  # else `close` returned it
        if wake:
            self._owner.wake()
        if too_late:
            raise ActorDeadError(self.closed)

    def offer(self, envelope: Envelope) -> bool:
        """Accept the message if there is room, whatever the policy; ActorDeadError if it ended."""
        if len(self._lane) >= self.settings.capacity and self.closed is None:
            return False
        try:
            self.put_always(envelope, unless_full=True)
        except MailboxFull:
            return False
        return True

    @enable_ki_protection
    def put_always(self, envelope: Envelope, *, unless_full: bool = False) -> None:
        """Accept the message in its place, full or not: for stop requests."""
        with self._lock:
            if self.closed is not None:
                raise ActorDeadError(self.closed)
            if unless_full and len(self._lane) >= self.settings.capacity:
                raise MailboxFull
            self._append(envelope)
            wake = self._seize()
        if wake and is_stop(envelope):
            self._owner.wake_for_stop(envelope)
        elif wake:
            self._owner.wake()

    @enable_ki_protection
    def put_system(self, envelope: Envelope) -> bool:
        """Put a notice ahead of the user messages; False if the actor has ended."""
        with self._lock:
            if self.closed is not None:
                return False
            if self._system is None:
                self._system = deque()
            envelope.is_notice = True
            self._system.append(envelope)
            wake = self._seize()
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
        item = self.take_item()
        return None if item is NOTHING else as_envelope(item)

    def take_item(self) -> Item:
        """Return the next message, bare or in its envelope, or NOTHING. Owner only."""
        if self._system and (ahead := self._take_ahead()) is not None:
            return ahead
        try:
            item = self._lane.popleft()
        except IndexError:
            return NOTHING
        self.taken += 1
        if self._room:
            self._announce_room()
        return item

    def release(self) -> bool:
        """Give up the ownership if nothing waits; False: there is more to do. Owner only."""
        self.busy = False  # before it looks: see the module
        if self._lane or self._system or self.interrupted:
            return not self.seize()  # or whoever put it has woken an owner
        return True

    def seize(self) -> bool:
        """Become the owner if there is none."""
        with self._lock:
            return self._seize()

    def return_to_head(self, envelopes: Iterable[Envelope]) -> None:
        """Put messages back where they came from, the first one foremost."""
        with self._lock:
            returned = [*envelopes, *self._pop_put_back()]
            self._own_lane().extendleft(reversed(returned))
            self._otherwise -= len(returned)
            wake = self._seize()  # if it was a background task that unstashed
        if wake:
            self._owner.wake()

    def put_back(self, envelope: Envelope) -> None:
        """Undo `take`: the message is the next one again. Owner only."""
        with self._lock:
            if self._system is None:
                self._system = deque()
            self._system.appendleft(envelope)
            self._put_back = None if envelope.is_notice else envelope

    def close(self, why: str = "the actor has ended") -> list[Envelope]:
        """Refuse messages from now on, and return those that are left; again those that came."""
        with self._lock:
            self.closed = self.closed or why
            self._quick = 0
            self.busy = False  # so that a sender without a lock looks again
            waiting = drained(self._lane)
            self._otherwise += len(waiting)
            left = [*(self.stash or ()), *self._pop_put_back(), *waiting]
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
        """Return its counters now; of messages on their way at this moment some may be missing."""
        waiting = len(self._lane)
        return MailboxStatistics(
            waiting=waiting + (self._put_back is not None),
            capacity=self.settings.capacity,
            peak=self.peak,
            accepted=self.taken + waiting + self._otherwise,
            taken=self.taken,
            dropped=self.dropped,
            refused=self.refused,
            skipped=self.skipped,
            discarded=self.discarded,
            stashed=len(self.stash or ()),
        )

    # -- inside -------------------------------------------------------------------------------

    def _seize(self) -> bool:
        """Become the owner if there is none and it is not closed. The lock is held."""
        if self.busy or self.closed is not None:
            return False
        self.busy = True
        return True

    def _append(self, item: Item) -> None:
        """Let it wait. The lock is held."""
        lane = self._own_lane()
        lane.append(item)
        self.peak = max(self.peak, len(lane))

    def _own_lane(self) -> Lane:
        """Return the lane, made with the first message. The lock is held."""
        if self._lane is EMPTY:
            priority = self.settings.priority
            self._lane = deque() if priority is None else PriorityLane(priority)
            if priority is None and self.closed is None:
                self._quick = max(0, self.settings.capacity - MARGIN)
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
            dropped = first_droppable(self._lane)
            self._otherwise += dropped is not None
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
        self._quick = 0
        self.busy = False
