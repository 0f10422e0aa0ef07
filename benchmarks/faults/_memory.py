"""The overload, and the memory that it takes. It imports nothing but Python."""

from collections.abc import Iterator
from pathlib import Path

HANDLER = 0.01
"""Seconds that a handler takes; one runs at a time."""
RATE = 100 / HANDLER
"""Messages that are sent in a second: a hundred times as many as can be handled."""
BATCHES = 20
"""How often in a second they are sent."""
STATM = Path("/proc/self/statm")
PAGE = 4096


class Peak:
    """The resident memory at the beginning, and the highest that was seen since, in bytes."""

    def __init__(self) -> None:
        self.before = self.highest = resident()

    def look(self) -> None:
        self.highest = max(self.highest, resident())


def resident() -> int:
    return int(STATM.read_text().split()[1]) * PAGE


def batch(number: int) -> Iterator[int]:
    """Give the numbers of the messages that are sent with this batch."""
    each = int(RATE / BATCHES)
    yield from range(number * each, (number + 1) * each)
