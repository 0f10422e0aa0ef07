"""Quantiles of all values, kept as they are: none is rounded into a bucket, none is left out."""

from collections.abc import Iterable, Mapping

SHOWN = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


def quantile(ordered: list[float], share: float) -> float:
    """Return the smallest value that is not exceeded by this share of them (nearest rank)."""
    if not ordered:
        raise ValueError("there is no quantile of nothing")
    exact = share * len(ordered)
    rank = int(exact) if exact == int(exact) else int(exact) + 1
    return ordered[max(rank, 1) - 1]


def quantiles(values: Iterable[float], shown: Mapping[str, float] = SHOWN) -> dict[str, float]:
    """Return the named quantiles, and the largest value as `max`."""
    ordered = sorted(values)
    return {**{name: quantile(ordered, share) for name, share in shown.items()}, "max": ordered[-1]}
