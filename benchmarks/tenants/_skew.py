"""How much each tenant has to do: shares as of the carriers of the flights data.

The first sixteen are the carriers, by their departures from New York in January 2013. Further ones
follow Zipf's law, share(rank) ~ rank ** -exponent, with the exponent that makes what the carriers
did the most likely (the maximum of the likelihood, as in Clauset, Shalizi and Newman, "Power-Law
Distributions in Empirical Data", 2009).
"""

import csv
import gzip
import math
from collections import Counter
from collections.abc import Sequence
from functools import cache

from benchmarks._process import ROOT

DATA = ROOT / "examples" / "flights" / "data" / "flights-2013-01.csv.gz"
STEEPEST = 5.0


@cache
def departures() -> tuple[int, ...]:
    """Return how many departures each carrier had, the largest first."""
    with gzip.open(DATA, "rt", encoding="utf-8") as rows:
        carriers = Counter(row["carrier"] for row in csv.DictReader(rows))
    return tuple(count for _, count in carriers.most_common())


def shares(tenants: int) -> list[float]:
    """Return the share that each of so many tenants has of all messages, the largest first."""
    if tenants < 1:
        raise ValueError(f"tenants={tenants} is not allowed: at least 1")
    known = departures()
    weights = [float(count) for count in known[:tenants]]
    exponent = fitted(known)
    first = sum(known) / _zeta(exponent, len(known))
    weights += [first * rank**-exponent for rank in range(len(known) + 1, tenants + 1)]
    total = sum(weights)
    return sorted((weight / total for weight in weights), reverse=True)


def fitted(counts: Sequence[int]) -> float:
    """Return the exponent of Zipf's law under which these counts are the most likely."""
    low, high = 0.0, STEEPEST
    while high - low > 1e-6:
        third = (high - low) / 3
        if _likelihood(counts, low + third) < _likelihood(counts, high - third):
            low += third
        else:
            high -= third
    return (low + high) / 2


def _likelihood(counts: Sequence[int], exponent: float) -> float:
    """Return its logarithm, which has one maximum."""
    logs = sum(count * math.log(rank) for rank, count in enumerate(counts, 1))
    return -exponent * logs - sum(counts) * math.log(_zeta(exponent, len(counts)))


def _zeta(exponent: float, ranks: int) -> float:
    return math.fsum(rank**-exponent for rank in range(1, ranks + 1))
