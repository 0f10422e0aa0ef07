"""Arrivals at a fixed rate, whatever becomes of those before: an open loop.

Each has a time at which it is meant to begin, and latency counts from that time. A sender that
waits for the answer before it sends the next one leaves out just those that a slow moment would
have delayed: coordinated omission (Gil Tene, "How NOT to Measure Latency", 2013; the same in wrk2).
Why a closed loop tells little about an open system: Schroeder, Wierman and Harchol-Balter, "Open
Versus Closed: A Cautionary Tale", NSDI 2006.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio


@dataclass(frozen=True, slots=True)
class Schedule:
    """Arrival `number` is meant to begin at `start + number / rate`, on the clock of `start`."""

    start: float
    rate: float

    def intended(self, number: int) -> float:
        return self.start + number / self.rate

    def due(self, now: float) -> int:
        """Return how many are meant to have begun by now."""
        return int((now - self.start) * self.rate) + 1 if now >= self.start else 0


async def arrive(schedule: Schedule, count: int, begin: Callable[[int], Awaitable[object]]) -> None:
    """Begin each in a task of its own when its time has come; return when all of them are done.

    A loop that is late begins all that are due at once; they are late, and count as late. The
    schedule's clock is trio's.
    """
    begun = 0
    async with trio.open_nursery() as nursery:
        while begun < count:
            await trio.sleep_until(schedule.intended(begun))
            due = min(count, max(schedule.due(trio.current_time()), begun + 1))
            for number in range(begun, due):
                nursery.start_soon(begin, number)
            begun = due
