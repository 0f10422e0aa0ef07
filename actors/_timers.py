"""Delayed calls: one task sleeps until the next of them is due."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio
from pykka import ActorDeadError

from actors._lanes import Envelope
from actors._ref import ActorRef

if TYPE_CHECKING:
    from actors._cell import Cell


logger = logging.getLogger("pykka")


class Timer:
    """One delayed or repeated call; `cancel()` may be called from any thread, and again."""

    __slots__ = ("_call", "_kept_in", "cancelled", "interval")

    def __init__(
        self,
        call: Callable[[], object],
        interval: float | None,
        kept_in: set[Timer] | None = None,
    ) -> None:
        self._call: Callable[[], object] | None = call
        self._kept_in = kept_in
        self.interval = interval
        self.cancelled = False

    def cancel(self) -> None:
        """Do not call (again)."""
        self.cancelled = True
        self._call = None
        if self._kept_in is not None:
            self._kept_in.discard(self)
            self._kept_in = None

    def fire(self) -> bool:
        """Call now; return whether it repeats."""
        call = self._call
        if call is None:
            return False
        call()
        if self.interval is None:
            self.cancel()
        return not self.cancelled


class Timers:
    """The delayed calls of a system. `add` in the trio thread only."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._scope: trio.CancelScope | None = None
        self._kept = 0  # entries after the last clearing

    def add(self, at: float, timer: Timer) -> None:
        """Fire the timer at the time `at` of the run's clock, and then each interval."""
        if len(self._heap) > 2 * self._kept + 64:
            self._clear()
        heapq.heappush(self._heap, (at, next(self._numbers), timer))
        if self._scope is not None and at < self._scope.deadline:
            self._scope.deadline = at

    @trio.lowlevel.enable_ki_protection  # Ctrl-C is for the body of the system, not for its parts
    async def run(self) -> None:
        """Fire timers when they are due, until cancelled."""
        while True:
            with trio.CancelScope(deadline=self._heap[0][0] if self._heap else math.inf) as scope:
                self._scope = scope
                await trio.sleep_forever()
            self._scope = None
            self._fire_due(trio.current_time())

    def _clear(self) -> None:
        """Forget cancelled timers, when there may be as many as others."""
        self._heap = [entry for entry in self._heap if not entry[2].cancelled]
        heapq.heapify(self._heap)
        self._kept = len(self._heap)

    def _fire_due(self, now: float) -> None:
        due: list[tuple[float, Timer]] = []
        while self._heap and self._heap[0][0] <= now:
            at, _, timer = heapq.heappop(self._heap)
            due.append((at, timer))
        for at, timer in due:
            if timer.fire() and timer.interval is not None:
                following = at + timer.interval
                if following <= now:  # the run was blocked: no burst of late ticks
                    following = now + timer.interval
                self.add(following, timer)


def schedule(
    cell: Cell, delay: float, message: Any, to: ActorRef[Any] | None, interval: float | None
) -> Timer:
    """Tell a message later, as long as the cell's instance lives. From any thread."""
    target = cell.ref if to is None else to

    def tick() -> None:
        try:
            _offer(target, message)
        except ActorDeadError:
            timer.cancel()
        except Exception:  # a priority function is foreign code
            logger.exception("%s: a timer could not send %r:", cell.path, message)

    if cell.timers is None:
        cell.timers = set()
    timer = Timer(tick, interval, cell.timers)
    cell.timers.add(timer)
    cell.system.add_timer(delay, timer)
    return timer


def _offer(target: ActorRef[Any], message: Any) -> None:
    """Send a message if there is room, else count it as skipped."""
    if not isinstance(target, ActorRef):
        target.tell(message)  # one of Pykka's own
    elif not target.actor_inbox.offer(Envelope(message)):
        target.actor_inbox.skipped += 1
