"""A whole search, from a scenario to its result."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from actorbus.options._supervision import Supervision
from actorbus.tuning._archive import Archive, Candidate, Scenario
from actorbus.tuning._code import code, command
from actorbus.tuning._evaluating import Evaluator, Limits, Stopped, worker_processes
from actorbus.tuning._explaining import Explaining, Explanation
from actorbus.tuning._halving import QUICK, GridSampler, Rungs, Sampler, search_rounds
from actorbus.tuning._objectives import DEFAULT_WEIGHTS, Comparison, check_weights
from actorbus.tuning._optuna import OptunaSampler
from actorbus.tuning._refining import Refining
from actorbus.tuning._space import Space
from supervisors import ConfigurationError

_SEARCH = 0.6
"""The share of the budget for the search; the rest is for knowing its result well."""

MOST_WORKERS = 61
"""Processes that simulate, at most: a pool on Windows has no more."""

SAMPLERS = ("grid", "optuna")

Ended = Literal["budget", "runs", "interrupted", "exhausted"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search found.

    `front` are the settings that none of those tried beats in every figure, the one nearest to the
    recommended one first; `candidates` all that were tried. `searched` is the number of simulated
    runs of the search: asked for as `runs`, with the same seed, it is repeated exactly. `ended`
    says why the search ended: the budget, the number of runs, an interruption, or because there
    was nothing left to try. `explained` has a sentence for each knob.
    """

    baseline: Candidate
    recommended: Candidate
    front: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    explained: tuple[Explanation, ...]
    weights: Mapping[str, float]
    seed: int
    searched: int
    runs: int
    seconds: float
    ended: Ended

    def code(self) -> str:
        """Return Python code that makes the recommended settings."""
        return code(self.recommended.settings)

    def command(self, app: str, endpoint: str) -> str:
        """Return the command line that sets them in a running system; "" if nothing changes."""
        return command(self.recommended.settings, self.baseline.settings, app, endpoint)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is: what it does, its seconds, its runs and its candidates."""

    step: Literal["searching", "refining"]
    seconds: float
    runs: int
    candidates: int


def search(
    scenario: Scenario,
    *,
    objective: Mapping[str, float] = DEFAULT_WEIGHTS,
    budget: float | None = 60.0,
    runs: int | None = None,
    seed: int = 0,
    keep: Collection[str] = (),
    sampler: str = "grid",
    workers: int = 1,
    quick: bool = False,
    trade: bool = False,
    interrupted: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], object] = lambda _: None,
) -> Tuning:
    """Search for better settings of what `scenario` simulates.

    `objective` has a weight for each figure that counts (see `OBJECTIVES`); `keep` are knobs that
    stay as they are. Candidates are proposed by the `sampler`, "grid" or "optuna" (extra `tune`).
    What is recommended is no worse than today in any figure that counts; with `trade` it may be,
    for the sake of others.

    The search ends within `budget` seconds of wall-clock time (None: without a limit), or after
    `runs` simulated runs; then its result is run more often, within the same budget. Between runs
    it asks `interrupted`: True ends it with what is known, a single run of today's settings at the
    least. `quick` takes fewer candidates and runs, `workers` are processes that share them. Equal
    arguments give equal results, but for what the budget cuts off; the result says by which `runs`
    it is repeated.

    Raises ConfigurationError for what is not allowed, all of it at once.
    """
    weights = _check(objective, budget, runs, sampler, workers)
    if budget is None and runs is None:
        runs = _A_ROUND_OR_TWO
    space = Space.around(scenario.baseline, keep)
    return _Search(
        scenario,
        space,
        Comparison(weights),
        seed,
        quick=quick,
        trade=trade,
        on_progress=on_progress,
    ).run(Limits(budget, asked=interrupted), runs, sampler, workers)


_A_ROUND_OR_TWO = 300
"""Runs of a search that was given neither a budget nor a number of runs."""


class _Search:
    """One search, for a single call of `run`."""

    def __init__(
        self,
        scenario: Scenario,
        space: Space,
        comparison: Comparison,
        seed: int,
        *,
        quick: bool,
        trade: bool,
        on_progress: Callable[[Progress], object],
    ) -> None:
        self._scenario = scenario
        self._space = space
        self._comparison = comparison
        self._seed = seed
        self._rungs = QUICK if quick else Rungs()
        self._trade = trade
        self._on_progress = on_progress
        self._archive = Archive()
        self._step: Literal["searching", "refining"] = "searching"

    def run(self, limits: Limits, runs: int | None, sampler: str, workers: int) -> Tuning:
        """Search, then refine; what is cut off by the limits is left out."""
        with worker_processes(self._scenario, workers) as pool:
            tell = lambda: self._tell(limits)  # noqa: E731  the evaluator calls it after each run
            evaluator = Evaluator(self._scenario, self._archive, tell, pool, workers)
            ended = self._searched(evaluator, limits.part(_SEARCH, runs), sampler)
            searched = self._archive.runs
            level = self._archive.level((1, *self._rungs.runs))
            self._step = "refining"
            refining = Refining(
                self._space, self._comparison, self._archive, evaluator, level, trade=self._trade
            )
            try:
                refining.refine(limits, self._rungs.shown)
            except Stopped as stopped:
                ended = "interrupted" if stopped.reason == "interrupted" else ended
            return self._result(refining, searched, limits.elapsed, ended)

    def _searched(self, evaluator: Evaluator, limits: Limits, name: str) -> Ended:
        sampler = self._sampler(name)
        try:
            search_rounds(sampler, evaluator, self._comparison, limits, self._rungs)
        except Stopped as stopped:
            return stopped.reason
        return "exhausted"

    def _sampler(self, name: str) -> Sampler:
        if name == "optuna":
            return OptunaSampler(self._space, self._comparison, self._seed)
        return GridSampler(self._space, self._comparison, self._seed, self._rungs.runs[-1])

    def _tell(self, limits: Limits) -> None:
        archive = self._archive
        self._on_progress(Progress(self._step, limits.elapsed, archive.runs, len(archive.found)))

    def _result(self, refining: Refining, searched: int, seconds: float, ended: Ended) -> Tuning:
        archive, refined = self._archive, refining.refined
        explaining = Explaining(archive, self._comparison, refined, refining.explained_by)
        explained = explaining.explain(self._space.baseline, list(self._space.axes))
        recommended, baseline = refined.recommended, self._space.baseline
        shown = self._front_of([recommended, *refined.front])
        return Tuning(
            baseline=archive.candidate(baseline),
            recommended=archive.candidate(recommended),
            front=tuple(shown),
            candidates=tuple(archive.all()),
            explained=tuple(explained),
            weights=self._comparison.weights,
            seed=self._seed,
            searched=searched,
            runs=archive.runs,
            seconds=seconds,
            ended=ended,
        )

    def _front_of(self, settings: Sequence[Supervision]) -> list[Candidate]:
        """Return those that none of them beats, now that they are known well."""
        known = [self._archive.candidate(one) for one in dict.fromkeys(settings)]
        front = self._comparison.front([(one, one.costs) for one in known])
        return [one for one in known if one is known[0] or any(one is kept for kept, _ in front)]


def _check(
    objective: Mapping[str, Any], budget: Any, runs: Any, sampler: str, workers: Any
) -> dict[str, float]:
    """Return the checked weights. Raises ConfigurationError with everything that is wrong."""
    problems: list[str] = []
    weights: dict[str, float] = {}
    try:
        weights = check_weights(objective)
    except ConfigurationError as error:
        problems += error.problems
    if budget is not None and not budget > 0:
        problems.append(f"budget={budget!r} is not allowed: give seconds greater than 0, or None")
    problems += [
        f"{name}={value!r} is not allowed: give a whole number of at least 1"
        for name, value in (("runs", runs), ("workers", workers))
        if value is not None and not _is_count(value)
    ]
    if _is_count(workers) and workers > MOST_WORKERS:
        problems.append(f"workers={workers} is not allowed: give at most {MOST_WORKERS}")
    if sampler not in SAMPLERS:
        problems.append(f"sampler={sampler!r} is not allowed: give 'grid' or 'optuna'")
    if problems:
        raise ConfigurationError("tuning", *problems)
    return weights


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
