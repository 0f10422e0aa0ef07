"""What runs for a system outside its trio run, counted for a clock that jumps.

Nothing is counted unless the run's clock is a `JumpingClock`. A flight is one job on a thread, or
one coroutine on asyncio. It is paused while it waits for a reply: then it is time that has to pass.
The pause ends on the side that settles the reply, before the waiter wakes, so that no gap is left.

Rule: who reads `(busy, begun)` twice, and finds busy 0 and begun the same, knows that nothing ran
in between, and that all that had run before has handed over its results.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import trio.abc

if TYPE_CHECKING:
    from actors._reply import Reply

Job = Callable[[], None]


class Activity:
    """How many flights are in the air, and how many ever began. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.busy = 0
        self.begun = 0

    def seen(self) -> tuple[int, int]:
        """Return (busy, begun), read together."""
        with self._lock:
            return self.busy, self.begun

    def change(self, by: int) -> None:
        """Count something that begins, or goes on (1), or ends, or waits (-1)."""
        with self._lock:
            self.busy += by
            self.begun += by > 0

    def flying(self, job: Job) -> Job:
        """Count `job` from now on until it has run on its thread."""
        flight = Flight(self)

        def fly() -> None:
            _on_thread.flight = flight
            try:
                job()
            finally:
                _on_thread.flight = None
                flight.end()

        return fly


class Flight:
    """One job or coroutine that counts, from when it is made; not while any part of it waits."""

    __slots__ = ("_activity", "_lock", "_waits")

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._lock = threading.Lock()
        self._waits = 0
        activity.change(1)

    def end(self) -> None:
        """Count it no more."""
        self._activity.change(-1)

    def wait(self, by: int) -> None:
        """Note that a part of it begins (1) or ends (-1) to wait."""
        with self._lock:
            waited = self._waits > 0
            self._waits += by
            if waited != (self._waits > 0):
                self._activity.change(1 if waited else -1)


class Pause:
    """A flight, or none, that waits for a reply; over when that is settled, or with `leave`."""

    __slots__ = ("_flight", "_left", "_reply")

    def __init__(self, flight: Flight | None, reply: Reply[Any]) -> None:
        self._flight = flight
        self._reply = reply
        if flight is not None:
            self._left = [flight]
            flight.wait(1)
            reply.add_done_callback(self._over)

    def leave(self) -> None:
        """Wait no more, whether the reply is settled or not."""
        if self._flight is not None:
            self._reply._forget(self._over)
            self._over(self._reply)

    def _over(self, _reply: Reply[Any]) -> None:
        try:
            self._left.pop().wait(-1)
        except IndexError:  # another thread was first
            return


class JumpingClock(trio.abc.Clock):
    """A clock of a trio run that must not jump while one of these is busy."""

    @abstractmethod
    def attach(self, activity: Activity) -> None:
        """Look at this, too, before jumping."""


class _OnThread(threading.local):
    flight: Flight | None = None


_on_thread = _OnThread()
on_asyncio: contextvars.ContextVar[Flight | None] = contextvars.ContextVar("flight", default=None)
"""The flight that a coroutine on the asyncio side belongs to."""


@contextlib.contextmanager
def flight_of_this_thread(flight: Flight) -> Iterator[None]:
    """Let this thread be a flight within the block."""
    before, _on_thread.flight = _on_thread.flight, flight
    try:
        yield
    finally:
        _on_thread.flight = before
        flight.end()


def pause_thread_until(reply: Reply[Any]) -> Pause | None:
    """Pause the flight of this thread, if it has one, until the reply is settled."""
    flight = _on_thread.flight
    return None if flight is None else Pause(flight, reply)


def pause_coroutine_until(reply: Reply[Any]) -> Pause:
    """Pause the flight of this coroutine, if it has one, until the reply is settled."""
    return Pause(on_asyncio.get(), reply)
