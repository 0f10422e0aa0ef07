"""What has been simulated so far: the figures of each run of each candidate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Protocol

from actorbus.options._supervision import Supervision
from actorbus.tuning._objectives import Costs

Job = tuple[Supervision, int]
"""A candidate and the number of a run. Runs of the same number meet the same troubles."""


class Scenario(Protocol):
    """What is simulated; sent to worker processes, and never changed."""

    @property
    def baseline(self) -> Supervision:
        """The settings of today."""
        ...

    def run(self, settings: Supervision, number: int) -> Costs:
        """Simulate once. Equal arguments give equal figures."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate with the means of its runs, and the standard errors of those means."""

    settings: Supervision
    costs: Costs
    errors: Costs
    runs: int


@dataclass(slots=True)
class Archive:
    """All runs, in the order of their candidates' first ones."""

    found: dict[Supervision, list[Costs]] = field(default_factory=dict)
    runs: int = 0

    def add(self, settings: Supervision, costs: Costs) -> None:
        """Note the next run of a candidate."""
        self.found.setdefault(settings, []).append(costs)
        self.runs += 1

    def missing(self, settings: Supervision, runs: int) -> Iterator[Job]:
        """Yield what is still to be run so that a candidate has so many runs."""
        for number in range(len(self.found.get(settings, ())), runs):
            yield settings, number

    def has(self, settings: Supervision, runs: int) -> bool:
        """Whether a candidate has had so many runs."""
        return len(self.found.get(settings, ())) >= runs

    def candidate(self, settings: Supervision, runs: int | None = None) -> Candidate:
        """Return the figures of a candidate, of its first runs or of all that it has."""
        rows = self.found[settings][:runs]
        columns = list(zip(*rows, strict=True))
        means = Costs(*(fmean(column) for column in columns))
        errors = Costs(*(_standard_error(column) for column in columns))
        return Candidate(settings, means, errors, len(rows))

    def at(self, runs: int) -> list[Candidate]:
        """Return the candidates that have had so many runs, by their first ones."""
        return [
            self.candidate(settings, runs)
            for settings, rows in self.found.items()
            if len(rows) >= runs
        ]

    def all(self) -> list[Candidate]:
        """Return every candidate, by all the runs that it has had."""
        return [self.candidate(settings) for settings in self.found]

    def level(self, rungs: Iterable[int], enough: int = 5) -> int:
        """Return the most runs that enough candidates have had to be compared; 0 without any."""
        most = sorted(map(len, self.found.values()), reverse=True)[:enough]
        return max((runs for runs in rungs if most and runs <= most[-1]), default=0)

    def differences(self, one: Supervision, other: Supervision, runs: int) -> tuple[Costs, Costs]:
        """Return by how much the second costs more, on average, and the standard errors.

        Run by run, since runs of the same number met the same troubles.
        """
        pairs = zip(self.found[one][:runs], self.found[other][:runs], strict=False)
        columns = list(
            zip(*([b - a for a, b in zip(*pair, strict=True)] for pair in pairs), strict=True)
        )
        means = Costs(*(fmean(column) for column in columns))
        return means, Costs(*(_standard_error(column) for column in columns))


def _standard_error(values: tuple[float, ...]) -> float:
    count = len(values)
    return stdev(values) / float(count) ** 0.5 if count > 1 else 0.0
