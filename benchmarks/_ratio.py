"""By how much two samples differ as a ratio, with an interval that assumes nothing but ranks.

The ratio is Hodges and Lehmann's estimate on logarithms: the median of all ratios of a value of one
sample to a value of the other ("Estimates of Location Based on Rank Tests", Annals of Mathematical
Statistics 34, 1963). The interval holds those ratios that the exact two-sided test of Mann and
Whitney would not reject (Conover, Practical Nonparametric Statistics, 3rd ed., 5.4). No
distribution is assumed, no random draws are made, and few rounds cannot promise much: with three
and three the widest interval has a confidence of 90 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

WANTED = 0.95
"""Confidence, where there are enough rounds for it."""
ENOUGH = 0.9
"""With less confidence than this nothing is concluded: fewer than three rounds on each side."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """`low` to `high` is the interval; `confidence` is exact for it."""

    value: float
    low: float
    high: float
    confidence: float

    @property
    def enough(self) -> bool:
        """Whether there were rounds enough to conclude anything."""
        return self.confidence >= ENOUGH - 1e-9

    @property
    def certain(self) -> bool:
        """Whether the difference is larger than the noise: 1 is not in the interval."""
        return self.enough and not self.low <= 1 <= self.high


def ratio(before: Sequence[float], after: Sequence[float]) -> Ratio:
    """Return the ratio of `after` to `before`. All values must be positive; ValueError if not."""
    if not before or not after or min(*before, *after, 1) <= 0:
        raise ValueError("there is no ratio of nothing, nor of values that are not positive")
    pairs = sorted(b / a for a, b in product(before, after))
    rank, confidence = _rank(len(before), len(after))
    return Ratio(_middle(pairs), pairs[rank - 1], pairs[-rank], confidence)


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return math.sqrt(ordered[half] * ordered[len(ordered) - 1 - half])


def _rank(first: int, second: int) -> tuple[int, float]:
    """Return which pairs, from both ends, bound the interval, and its confidence."""
    ways, below = math.comb(first + second, first), 0
    rank, outside = 1, 2 / ways
    for number in range(first * second // 2):
        below += _orders(first, second, number)
        if 2 * below / ways > 1 - WANTED:
            break
        rank, outside = number + 1, 2 * below / ways
    return rank, 1 - outside


@cache
def _orders(first: int, second: int, inversions: int) -> int:
    """Return how many orders of two samples have Mann and Whitney's U at this value."""
    if inversions < 0:
        return 0
    if not first or not second:
        return int(inversions == 0)
    return _orders(first - 1, second, inversions - second) + _orders(first, second - 1, inversions)
