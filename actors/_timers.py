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

from actors._mailbox import Envelope

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._ref import ActorRef


logger = logging.getLogger("pykka")


class Timer:
    """One delayed or repeated call; `cancel()` may be called from any thread, and again."""

    __slots__ = ("_call", "cancelled", "interval")

    def __init__(self, call: Callable[[], object], interval: float | None) -> None:
        self._call: Callable[[], object] | None = call
        self.interval = interval
        self.cancelled = False

    def cancel(self) -> None:
        """Do not call (again)."""
        self.cancelled = True
        self._call = None

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
        while self._heap and self._heap[0][0] <= now:
            at, _, timer = heapq.heappop(self._heap)
            if timer.fire() and timer.interval is not None:
                following = at + timer.interval
                if following <= now:  # the run was blocked: no burst of late ticks
                    following = now + timer.interval
                self.add(following, timer)


def schedule(
    cell: Cell, delay: float, message: Any, to: ActorRef[Any] | None, interval: float | None
) -> Timer:
    """Tell a message later, as long as the cell's instance lives. From any thread."""
    mailbox = cell.mailbox if to is None else to.actor_inbox

    def tick() -> None:
        if interval is None and cell.timers is not None:
            cell.timers.discard(timer)
        try:
            if not mailbox.offer(Envelope(message)):
                mailbox.skipped += 1
        except ActorDeadError:
            timer.cancel()
        except Exception:  # a priority function is foreign code
            logger.exception("%s: a timer could not send %r:", cell.path, message)
            mailbox.skipped += 1

    timer = Timer(tick, interval)
    if cell.timers is None:
        cell.timers = set()
    cell.timers.add(timer)
    cell.system.add_timer(delay, timer)
    return timer
