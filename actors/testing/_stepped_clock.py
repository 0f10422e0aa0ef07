"""SteppedClock: virtual time that a test on a plain thread lets pass, step by step."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from math import inf

import trio

from actors import _activity
from actors._activity import Flight
from actors.testing._clock import FOREVER, LOOK_AGAIN, VirtualClock


class SteppedClock(VirtualClock):
    """Time that stands still until a test lets it pass; what comes due happens in its order.

    For a system in a thread of its own, and a test on another one::

        clock = SteppedClock()
        with ActorSystem(clock=clock) as system:
            ...
            clock.advance(3600.0)  # everything that an hour brings has happened
            with clock.flowing():  # time passes while this waits for what needs it
                reply.get()

    Its methods are called from outside of the run. They return when nothing runs any more, and
    raise TimeoutError after `patience` seconds of real time in which something still did.
    """

    def __init__(self, *, start: float = 0.0, patience: float = 60.0) -> None:
        super().__init__(start=start)
        self._patience = patience
        self._limit = start
        self._jumps_left = inf
        self._done: threading.Event | None = None
        self._flowing = 0
        self._wanted = trio.Event()

    def settle(self) -> None:
        """Wait until nothing runs; time stands still."""
        self._let_pass(self._now, inf)

    def advance(self, seconds: float) -> None:
        """Let so much time pass, deadline by deadline; return when nothing runs any more."""
        if not 0 <= seconds < FOREVER:
            raise ValueError(f"seconds={seconds!r} is not allowed: give a span of 0 or more")
        self._let_pass(self._now + seconds, inf)

    def step(self, at_most: float) -> None:
        """Let time pass up to the next deadline, and at most so many seconds."""
        self._let_pass(self._now + at_most, 1)

    @contextlib.contextmanager
    def flowing(self, *, works: bool = True) -> Iterator[None]:
        """Let time pass while the block waits for replies, and nothing else runs.

        With `works=False` the block may wait for anything, and time passes at any moment of it.
        """
        with self._counted() if works else contextlib.nullcontext():
            self._flowing += 1
            self._wake()
            try:
                yield
            finally:
                self._flowing -= 1

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """Count this thread as running within the block, but for its waits for replies."""
        with _activity.flight_of_this_thread(Flight(self._own)):
            yield

    def _let_pass(self, limit: float, jumps: float) -> None:
        done = threading.Event()
        with self._lock:
            self._limit, self._jumps_left, self._done = limit, jumps, done
        self._wake()
        if not done.wait(self._patience):
            raise TimeoutError(f"something is still at work after {self._patience:g} s: {self!r}")

    def _wake(self) -> None:
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._set_wanted)

    def _set_wanted(self) -> None:
        self._wanted.set()

    async def _jump_when_idle(self) -> None:
        cushion = 0.0
        while True:
            if self._rests():
                self._wanted = trio.Event()
                if self._rests():  # nobody has asked since
                    await self._wanted.wait()
                cushion = 0.0
            quiet = await self._is_quiet(cushion)
            if quiet and self._jump_to_next():
                cushion = 0.0
            elif quiet and self._done is not None:
                done, self._done = self._done, None
                done.set()
            else:
                cushion = LOOK_AGAIN

    def _rests(self) -> bool:
        return self._done is None and not self._flowing

    def _jump_to_next(self) -> bool:
        if self._flowing:
            return super()._jump_to_next()
        seconds = trio.lowlevel.current_statistics().seconds_to_next_deadline
        with self._lock:
            if self._now >= self._limit or self._jumps_left <= 0:
                return False
            self._now = min(self._now + max(seconds, 0.0), self._limit)
            self._jumps_left -= 1
        return True
