"""The simulation's clock, and what is to happen when."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


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
        """Let everything happen up to and including ``until``."""
        entries = self._entries
        while entries and entries[0][0] <= until:
            self.now, _, action, about = heappop(entries)
            action(about)
        self.now = until
