"""What is wanted: four figures of a run, how much each of them counts, and who beats whom.

Rules:
 1. All figures are costs: less is better.
 2. A setting dominates another if it is no worse in any figure that counts, and better in one.
    The front is those that none dominates (the non-dominated sorting of Deb, Pratap, Agarwal and
    Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002).
 3. One of the front is recommended: the one nearest to the best of each figure, the distance in
    each being weighted (compromise programming: Zeleny, "Multiple criteria decision making",
    1982). With equal weights that is the knee of the front.
 4. Distances are on a logarithmic scale: from 1 s to 2 s is as far as from 10 s to 20 s. A front on
    which a figure less than doubles is not stretched to the full scale.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any, NamedTuple, TypeVar

from supervisors import ConfigurationError

T = TypeVar("T")


class Costs(NamedTuple):
    """The figures of one run, or their means.

    recovery: seconds from the dependency's return to the first success, the mean of its outages
    load: calls that were put on the dependency while it was away
    loss: messages that were dropped, became dead letters, or always fail and are left
    waiting: seconds that a message waited before it was begun, on average
    """

    recovery: float
    load: float
    loss: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Objective:
    """One figure: what it is called, its unit, and the difference that nobody notices."""

    name: str
    unit: str
    title: str
    grain: float

    def written(self, cost: float) -> str:
        """Return a figure in three digits."""
        return f"{cost:,.0f}" if abs(cost) >= 100 else f"{cost:.3g}"  # noqa: PLR2004  three digits


OBJECTIVES: Mapping[str, Objective] = {
    one.name: one
    for one in (
        Objective("recovery", "s", "time to recover", 0.01),
        Objective("load", "calls", "load on the dependency", 0.5),
        Objective("loss", "messages", "messages lost", 0.1),
        Objective("waiting", "s", "waiting time of a message", 0.01),
    )
}
"""What can be asked for, by name, in the order of `Costs`."""

DEFAULT_WEIGHTS: Mapping[str, float] = {"recovery": 1.0, "load": 1.0, "loss": 1.0}


def parse_weights(text: str) -> dict[str, float]:
    """Return the weights of `recovery=2,load,loss=0.5`; a bare name counts 1.

    Raises ConfigurationError, naming every part that is wrong.
    """
    weights: dict[str, float] = {}
    problems: list[str] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, number = (one.strip() for one in part.partition("="))
        weight = _number(number) if "=" in part else 1.0
        if name not in OBJECTIVES:
            problems.append(f"{part!r}: no objective {name!r} (objectives: {_known()})")
        elif weight is None or weight <= 0:
            problems.append(f"{part!r}: a weight is a number above 0")
        else:
            weights[name] = weight
    if not weights and not problems:
        problems.append(f"{text!r} names no objective (objectives: {_known()})")
    if problems:
        raise ConfigurationError("objective", *problems)
    return weights


def _known() -> str:
    return ", ".join(OBJECTIVES)


def _number(text: str) -> float | None:
    try:
        return float(text) if float(text) < float("inf") else None
    except ValueError:
        return None


def check_weights(weights: Mapping[str, Any]) -> dict[str, float]:
    """Return weights that were given as a mapping. Raises ConfigurationError."""
    return parse_weights(",".join(f"{name}={weight}" for name, weight in weights.items()))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who beats whom, by these weights; what has none does not count."""

    weights: Mapping[str, float]

    def counting(self, costs: Costs) -> tuple[float, ...]:
        """Return the figures that count."""
        return tuple(getattr(costs, name) for name in self.weights)

    def dominates(self, one: Costs, other: Costs) -> bool:
        """Whether one is no worse in any figure that counts, and better in some."""
        mine, theirs = self.counting(one), self.counting(other)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    def front(self, found: Sequence[tuple[T, Costs]]) -> list[tuple[T, Costs]]:
        """Return those that none dominates, in their order; of equal ones the first."""
        kept = []
        seen: set[tuple[float, ...]] = set()
        for one in found:
            counting = self.counting(one[1])
            beaten = any(self.dominates(other, one[1]) for _, other in found)
            if not beaten and counting not in seen:
                seen.add(counting)
                kept.append(one)
        return kept

    def best_first(self, found: Sequence[tuple[T, Costs]]) -> list[tuple[T, Costs]]:
        """Return all of them: the front, then the front of the rest, each by distance."""
        ordered: list[tuple[T, Costs]] = []
        rest = list(found)
        while rest:
            front = self.front(rest)
            distance = self.distances([costs for _, costs in front])
            ordered += sorted(front, key=lambda one: distance(one[1]))
            items = {id(one) for one in front}
            rest = [one for one in rest if id(one) not in items]
        return ordered

    def distances(self, costs: Iterable[Costs]) -> "Distance":
        """Return the measure of how far figures are from the best that there are."""
        return Distance(self.weights, list(costs))


class Distance:
    """From the best of each figure, weighted and on logarithmic scales; 0 is best in all."""

    def __init__(self, weights: Mapping[str, float], costs: Sequence[Costs]) -> None:
        self._weights = weights
        self._scales = {name: _scale(name, costs) for name in weights}

    def __call__(self, costs: Costs) -> float:
        """Return the distance of one."""
        parts = (
            weight * ((_magnitude(name, getattr(costs, name)) - low) / span) ** 2
            for name, weight in self._weights.items()
            for low, span in (self._scales[name],)
        )
        return sqrt(sum(parts))


def _scale(name: str, costs: Sequence[Costs]) -> tuple[float, float]:
    """Return the least of a figure and its span, on the logarithmic scale."""
    found = [_magnitude(name, getattr(one, name)) for one in costs]
    low, high = min(found), max(found)
    return low, max(high - low, log(2.0))


def _magnitude(name: str, cost: float) -> float:
    return log(cost + OBJECTIVES[name].grain)
