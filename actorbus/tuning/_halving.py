"""The search: successive halving over the number of runs, again and again with new candidates.

Many candidates are run a few times, the better third of them three times as often, and so on
until a few are known well: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification
and hyperparameter optimization", AISTATS 2016 (the rule is that of Karnin, Koren and Somekh, ICML
2013). "Better" is by fronts, then by the distance that recommends; see `_objectives`. The first
round has the settings of today, what is one step away from them, and random points of the
grid; later rounds take half of theirs from around the front that is known by then.

All candidates meet the same troubles in runs of the same number (common random numbers), so
that a few runs tell them apart. The order of all runs follows from the seed: a search that was
stopped after N of them is repeated by asking for N.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from actorbus.options._supervision import Supervision
from actorbus.tuning._archive import Archive
from actorbus.tuning._evaluating import Evaluator, Limits
from actorbus.tuning._objectives import Comparison
from actorbus.tuning._space import Space

KEEP_ONE_OF = 3
"""Of how many candidates one goes on to the next rung: `eta` in the paper."""

_TRIES = 20
"""Draws for each new candidate; a small grid has none left one day."""


@dataclass(frozen=True, slots=True)
class Rungs:
    """How many candidates a round begins with, and how many runs they get on each rung."""

    candidates: int = 54
    runs: tuple[int, ...] = (1, 3, 9)
    shown: int = 27
    """Runs of what is shown in the end, so that its figures are known well."""


QUICK = Rungs(18, (1, 4), 12)


class Sampler(Protocol):
    """Where new candidates come from."""

    def propose(self, number: int, archive: Archive) -> list[Supervision]:
        """Return up to so many candidates, none of them twice; none: there is nothing left."""
        ...


class GridSampler:
    """Points of the grid: random ones, and from the second round on those around the front.

    The front is that of the candidates that have had `runs` runs.
    """

    def __init__(self, space: Space, comparison: Comparison, seed: int, runs: int) -> None:
        self._space = space
        self._comparison = comparison
        self._runs = runs
        self._draws = random.Random(f"tune/{seed}")

    def propose(self, number: int, archive: Archive) -> list[Supervision]:
        """Return candidates that were never run."""
        found: dict[Supervision, None] = {}
        if not archive.found:
            found[self._space.baseline] = None
            around = list(self._space.all_neighbours(self._space.baseline))
            self._draws.shuffle(around)
            found.update(dict.fromkeys(around[: number // 2]))
        front = _front(archive, self._comparison, self._runs)
        for _ in range(number * _TRIES):
            if len(found) == number:
                break
            near = front and self._draws.random() < 0.5  # noqa: PLR2004  half of them
            one = (
                self._space.mutate(self._draws.choice(front), self._draws)
                if near
                else self._space.draw(self._draws)
            )
            if one not in archive.found:
                found[one] = None
        return list(found)


def _front(archive: Archive, comparison: Comparison, runs: int) -> list[Supervision]:
    found = [(one.settings, one.costs) for one in archive.at(runs)]
    return [settings for settings, _ in comparison.front(found)]


def search_rounds(
    sampler: Sampler,
    evaluator: Evaluator,
    comparison: Comparison,
    limits: Limits,
    rungs: Rungs,
) -> None:
    """Run round after round. Raises Stopped; returns only when the sampler has nothing left.

    Today's settings are run as often as any candidate: it is they that all are compared with.
    """
    archive = evaluator.archive
    while True:
        candidates = sampler.propose(rungs.candidates, archive)
        if not candidates:
            return
        for rung, runs in enumerate(rungs.runs):
            if rung:
                candidates = _survivors(candidates, archive, comparison, rungs.runs[rung - 1])
            evaluator.run([evaluator.baseline, *candidates], runs, limits)


def _survivors(
    candidates: Sequence[Supervision], archive: Archive, comparison: Comparison, runs: int
) -> list[Supervision]:
    found = [(settings, archive.candidate(settings, runs).costs) for settings in candidates]
    kept = -(-len(found) // KEEP_ONE_OF)
    return [settings for settings, _ in comparison.best_first(found)[:kept]]
