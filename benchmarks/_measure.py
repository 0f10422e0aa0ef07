"""The values that workloads hand to the report: series, goals and results."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Bound = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Series:
    """One figure, measured several times in one run."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def more_is_better(self) -> bool:
        """Whether it is a rate, or a ratio of rates; of all other figures less is better."""
        return self.unit.endswith("/s") or self.unit == "x"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure must reach, and what it was."""

    name: str
    value: float
    bound: Bound
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.bound == "at least" else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Result:
    """What one workload measured."""

    workload: str
    series: Sequence[Series]
    goals: Sequence[Goal]
    notes: Sequence[str] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        return {
            "workload": self.workload,
            "series": [_series_json(series) for series in self.series],
            "goals": [{**asdict(goal), "met": goal.met} for goal in self.goals],
            "notes": list(self.notes),
        }


def _series_json(series: Series) -> dict[str, Any]:
    summary = {"median": series.median, "low": series.low, "high": series.high}
    return {**asdict(series), **summary}


def ratios(ours: Series, other: Series, name: str | None = None) -> Series:
    """Return our figure over the other's, round by round: both were measured side by side."""
    pairs = zip(ours.values, other.values, strict=True)
    return Series(name or f"{ours.name} / {other.name}", "x", tuple(a / b for a, b in pairs))
