"""How large a pool should be: a decision about numbers, without actors or a clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from actors._settings import Seconds, as_seconds
from supervisors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Elastic:
    """Let a pool grow and shrink between `minimum` and `maximum` routees, by load.

    Each `interval` (seconds or timedelta) it looks at how many messages wait for each routee. A
    mean above `grow_at` adds a share `step` of the pool, at least one routee; a mean below
    `shrink_at` in `patience` looks in a row takes as much away.

    Raises:
        ConfigurationError: bounds that contradict each other, or values out of range

    """

    minimum: int = 1
    maximum: int = 10
    interval: Seconds = 1.0
    grow_at: float = 5.0
    shrink_at: float = 0.5
    step: float = 0.25
    patience: int = 5

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.minimum <= self.maximum:
            problems.append(
                f"minimum={self.minimum!r}, maximum={self.maximum!r}: give 1 <= minimum <= maximum"
            )
        if not _above_zero(self.interval):
            problems.append(f"interval={self.interval!r} is not allowed: give more than 0 seconds")
        if not 0 <= self.shrink_at < self.grow_at:
            problems.append(
                f"shrink_at={self.shrink_at!r}, grow_at={self.grow_at!r}: "
                "give 0 <= shrink_at < grow_at"
            )
        if not 0 < self.step <= 1:
            problems.append(f"step={self.step!r} is not allowed: give more than 0, at most 1")
        if self.patience < 1:
            problems.append(f"patience={self.patience!r} is not allowed: give at least 1")
        if problems:
            raise ConfigurationError("Elastic", *problems)

    def bounded(self, size: int) -> int:
        """Return the nearest size that is allowed."""
        return min(max(size, self.minimum), self.maximum)

    def decide(self, waiting: Sequence[int], calm: int) -> tuple[int, int]:
        """Return the size wanted, and how many looks in a row were calm.

        `waiting` holds the messages that wait for each routee, `calm` the looks before this one.
        """
        size = len(waiting)
        mean = sum(waiting) / size if size else math.inf
        change = max(1, math.floor(size * self.step))
        if mean > self.grow_at:
            return self.bounded(size + change), 0
        if mean >= self.shrink_at:
            return self.bounded(size), 0
        if calm + 1 < self.patience:
            return self.bounded(size), calm + 1
        return self.bounded(size - change), 0


def _above_zero(interval: Seconds) -> bool:
    try:
        return as_seconds(interval) > 0
    except (TypeError, ValueError):
        return False
