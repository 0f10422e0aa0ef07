"""VirtualClock: hours of backoff in milliseconds, with handlers on threads and on asyncio too.

`trio.testing.MockClock` jumps as soon as all trio tasks wait, also for a thread that is at work.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import trio
import trio.testing

from actors._activity import Activity, JumpingClock

FOREVER: Final = 999_999_999.0
"""Seconds of real time to sleep until a deadline: the clock is moved by jumps alone."""

LOOK_AGAIN: Final = 0.001
"""Seconds of real time between looks while something is busy, or no deadline is set."""


class VirtualClock(JumpingClock):
    """Time that stands still while something runs, and then jumps to the next deadline.

    It is the clock of one trio run: `trio.run(main, clock=VirtualClock())`, a pytest-trio fixture
    that returns one, or `ActorSystem(clock=VirtualClock())` for a system in its own thread.

    It jumps when every trio task waits, no plain handler runs on a thread, and no handler runs on
    the asyncio side. A handler that waits for a reply does not count as running. Threads that the
    runtime does not know of count when they say so, with `hold()`.

    With `autojump=False` it is moved by `jump` alone. A timer that repeats for ever lets time run
    as fast as it can; move the clock by hand then, or hold it. What a thread waits for at most, in
    `reply.get(timeout=...)`, is real time.
    """

    def __init__(self, *, autojump: bool = True, start: float = 0.0) -> None:
        self._autojump = autojump
        self._now = start
        self._lock = threading.Lock()
        self._token: trio.lowlevel.TrioToken | None = None
        self._own = Activity()
        self._activities = [self._own]

    def __repr__(self) -> str:
        return f"<VirtualClock at {self._now:g}>"

    # -- for users -----------------------------------------------------------------------------

    def jump(self, seconds: float) -> None:
        """Move on by so many seconds, from any thread. Timers that are due fire soon after.

        Raises:
            ValueError: fewer than 0

        """
        if seconds < 0:
            raise ValueError(f"seconds={seconds!r} is not allowed: time does not go back")
        with self._lock:
            self._now += seconds
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(_look_again)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Do not jump while the block runs, on whatever thread."""
        self._own.change(1)
        try:
            yield
        finally:
            self._own.change(-1)

    # -- for trio and the runtime ----------------------------------------------------------------

    def start_clock(self) -> None:
        """Begin: called by trio when the run starts."""
        if self._token is not None:
            raise RuntimeError("a VirtualClock is for one trio run; make another one")
        self._token = trio.lowlevel.current_trio_token()
        if self._autojump:
            self._token.run_sync_soon(self._begin)

    def current_time(self) -> float:
        """Return the time in seconds, from any thread."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return how long trio may sleep: until it is woken, unless the time has come."""
        return 0.0 if deadline <= self._now else FOREVER

    def attach(self, activity: Activity) -> None:
        """Look at this, too, before jumping."""
        self._activities.append(activity)

    def _begin(self) -> None:
        trio.lowlevel.spawn_system_task(self._jump_when_idle, name="VirtualClock")

    async def _jump_when_idle(self) -> None:
        cushion = 0.0
        while True:
            quiet = await self._is_quiet(cushion)
            cushion = 0.0 if quiet and self._jump_to_next() else LOOK_AGAIN

    async def _is_quiet(self, cushion: float) -> bool:
        """Return, once all tasks wait, whether nothing runs beside them either."""
        await trio.testing.wait_all_tasks_blocked(cushion)
        before = self._seen()
        await trio.testing.wait_all_tasks_blocked()  # results handed over before are taken up
        return self._seen() == before and not any(busy for busy, _ in before)

    def _seen(self) -> list[tuple[int, int]]:
        return [activity.seen() for activity in self._activities]

    def _jump_to_next(self) -> bool:
        seconds = trio.lowlevel.current_statistics().seconds_to_next_deadline
        if not 0 < seconds < FOREVER:
            return False
        with self._lock:
            self._now += seconds
        return True


def _look_again() -> None:
    """Wake the run, so that it sees which deadlines have passed."""
