"""The simulation's clock, and what is to happen when."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from supervisors._errors import ConfigurationError

AT_A_TIME: Final = 5_000_000
"""Events between two looks at how far the clock got."""

MOST_ROUNDS: Final = 200_000
"""A run takes at most so many times `AT_A_TIME` events: a million million, which has no end."""


class Agenda:
    """Calls functions at virtual times; those of one time in the order in which they were added."""

    __slots__ = ("_entries", "_order", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._entries: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = count()

    def at(self, time: float, action: Callable[[Any], None], about: Any = None) -> None:
        """Call ``action(about)`` at ``time``."""
        heappush(self._entries, (time, next(self._order), action, about))

    def run(self, until: float) -> None:
        """Let everything happen up to and including ``until``.

        Raises ConfigurationError when the clock hardly gets on, so that there would be no end.
        """
        while self._go_on(until):
            pass
        self.now = until

    def _go_on(self, until: float) -> bool:
        """Return whether there is more, after some events."""
        entries, before = self._entries, self.now
        for _ in range(AT_A_TIME):
            if not entries or entries[0][0] > until:
                return False
            self.now, _, action, about = heappop(entries)
            action(about)
        if (self.now - before) * MOST_ROUNDS < until:
            raise ConfigurationError(
                "simulate",
                f"at {self.now:g} of {until:g} s there is no end of events, {AT_A_TIME} since"
                f" {before:g} s: give fewer arrivals, longer delays or a shorter time",
            )
        return True
