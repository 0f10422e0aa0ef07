"""Candidates proposed by Optuna instead of drawn from the grid; the grid's values stay the choice.

The tree-structured Parzen estimator for several objectives: Y. Ozaki, Y. Tanigaki, S. Watanabe and
M. Onishi, "Multiobjective tree-structured Parzen estimator", GECCO 2020. Imported when used.
"""

from typing import Any

from actorbus.options._supervision import Supervision
from actorbus.tuning._archive import Archive
from actorbus.tuning._objectives import Comparison
from actorbus.tuning._space import Space
from supervisors import ConfigurationError

_TRIES = 4
"""Proposals for each candidate wanted: some contradict themselves, some are known."""


class OptunaSampler:
    """Proposes what Optuna asks for; it learns from the figures of all runs so far."""

    def __init__(self, space: Space, comparison: Comparison, seed: int) -> None:
        optuna = _imported()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._comparison = comparison
        self._failed = optuna.trial.TrialState.FAIL
        categorical = optuna.distributions.CategoricalDistribution
        self._choices = {knob: categorical(range(len(axis))) for knob, axis in space.axes.items()}
        self._study = optuna.create_study(
            directions=["minimize"] * len(comparison.weights),
            sampler=optuna.samplers.TPESampler(seed=seed),
        )
        self._asked: dict[Supervision, list[Any]] = {}
        values = {knob: axis.index(space.baseline.value(knob)) for knob, axis in space.axes.items()}
        self._study.enqueue_trial(values)

    def propose(self, number: int, archive: Archive) -> list[Supervision]:
        """Return candidates that were never run, after learning from those that were."""
        self._learn(archive)
        found: dict[Supervision, None] = {}
        for _ in range(number * _TRIES):
            if len(found) == number:
                break
            settings = self._ask()
            if settings is not None and settings not in archive.found:
                found[settings] = None
        return list(found)

    def _ask(self) -> Supervision | None:
        trial = self._study.ask(self._choices)
        values = {knob: axis[trial.params[knob]] for knob, axis in self._space.axes.items()}
        settings = self._space.at(values)
        if settings is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._asked.setdefault(settings, []).append(trial)
        return settings

    def _learn(self, archive: Archive) -> None:
        for settings, trials in self._asked.items():
            costs = archive.candidate(settings).costs if settings in archive.found else None
            for trial in trials:
                if costs is None:
                    self._study.tell(trial, state=self._failed)
                else:
                    self._study.tell(trial, list(self._comparison.counting(costs)))
        self._asked.clear()


def _imported() -> Any:
    try:
        import optuna  # noqa: PLC0415  an extra, imported when used
    except ImportError as error:
        raise ConfigurationError(
            "tuning",
            "sampler='optuna' needs Optuna: pip install actorbus[tune]; or take sampler='grid'",
        ) from error
    return optuna
