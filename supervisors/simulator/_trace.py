"""What a running system went through, as a value: loads and failures, to be simulated again.

A candidate with other settings meets the failures' causes, not the recorded outcomes: it tries at
other times. So outages are intervals, poison messages are known by number, and what is left is a
chance.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from statistics import median_low
from typing import Any, Final, Literal

from supervisors._backoff import Backoff
from supervisors._retry import Retry

from ._arrivals import RecordedArrivals
from ._failures import DependencyOutage, FailureModel, Independent, Poison
from ._model import Endpoint
from ._service import Fixed, RecordedService, Service

Outcome = Literal["ok", "failed", "outage", "permanent"]
"""How a try of a message ended."""

POISONED: Final = 3
"""So many failed tries without a success make a message poison, rather than unlucky."""


@dataclass(frozen=True, slots=True)
class Try:
    """One recorded try of a message. Times are seconds since the recording began."""

    message: int
    """Its number, by the order in which messages were first seen."""
    attempt: int
    """The number of the try, from 1."""
    began: float
    duration: float
    outcome: Outcome = "ok"

    @property
    def ended(self) -> float:
        """When it ended."""
        return self.began + self.duration


@dataclass(frozen=True, slots=True)
class EndpointTrace:
    """What one endpoint went through, and its settings as they were.

    ``arrivals`` are times and message numbers; a time before 0 is that of a message that waited
    already. ``within`` and ``max_restarts`` are those of its intensity.
    """

    name: str
    arrivals: Sequence[tuple[float, int]]
    tries: Sequence[Try]
    _: KW_ONLY
    channel: str = ""
    concurrency: int = 10
    max_in_flight: int = 100
    retry: Retry = field(default_factory=Retry)
    backoff: Backoff = field(default_factory=Backoff)
    max_restarts: int | None = None
    within: float = 5.0
    breaker: int | None = None

    @property
    def outages(self) -> list[DependencyOutage]:
        """The dependency's outages: from the first failed call to the begin of the next success."""
        found: list[DependencyOutage] = []
        seen: list[Try] = []
        for one in sorted(self.tries, key=_order):
            if one.outcome == "outage":
                seen.append(one)
            elif one.outcome == "ok" and seen and one.began > seen[0].began:
                found.append(_outage(seen, one.began))
                seen = []
        return [*found, _outage(seen, self._end)] if seen else found

    @property
    def poison(self) -> frozenset[int]:
        """The messages that failed again and again and never succeeded."""
        succeeded = {one.message for one in self.tries if one.outcome == "ok"}
        failed = Counter(one.message for one in self.tries if one.outcome == "failed")
        enough = min(POISONED, self.retry.attempts)
        return frozenset(
            number
            for number, times in failed.items()
            if times >= enough and number not in succeeded
        )

    @property
    def permanent(self) -> frozenset[int]:
        """The messages that failed for good at once."""
        return frozenset(one.message for one in self.tries if one.outcome == "permanent")

    @property
    def failure_rate(self) -> float:
        """The chance of a failure that no outage and no poison message explains."""
        known = self.poison | self.permanent
        other = [one for one in self.tries if one.message not in known and one.outcome != "outage"]
        failed = sum(one.outcome == "failed" for one in other)
        return failed / len(other) if other else 0.0

    def failures(self) -> tuple[FailureModel, ...]:
        """Return the failure models that explain what was recorded."""
        order = self._positions()
        models: list[FailureModel] = [*self.outages]
        poison = {order[number] for number in self.poison if number in order}
        if poison:
            models.append(Poison(numbers=poison))
        permanent = {order[number] for number in self.permanent if number in order}
        if permanent:
            models.append(Poison(numbers=permanent, kind="permanent"))
        if self.failure_rate:
            models.append(Independent(self.failure_rate))
        return tuple(models)

    def service(self) -> Service:
        """Return the recorded service times; those of calls that saw an outage say nothing."""
        order = self._positions()
        known = {
            (order[one.message], one.attempt): one.duration
            for one in self.tries
            if one.message in order and one.outcome != "outage"
        }
        return RecordedService(known) if known else Fixed(0.0)

    def endpoint(self, **changes: Any) -> Endpoint:
        """Return the endpoint to simulate, with its recorded settings but for ``changes``.

        ``changes`` are options of `Endpoint`: ``retry=``, ``backoff=``, ``breaker=`` and so on.
        Raises ConfigurationError.
        """
        options: dict[str, Any] = {
            "retry": self.retry,
            "backoff": self.backoff,
            "concurrency": self.concurrency,
            "max_in_flight": self.max_in_flight,
            "breaker": self.breaker,
        }
        arrivals = RecordedArrivals([at for at, _ in sorted(self.arrivals)])
        model: dict[str, Any] = {"service": self.service(), "failures": self.failures()}
        return Endpoint(self.name, arrivals, **{**model, **options, **changes})

    def _positions(self) -> dict[int, int]:
        """Return the place of each message in the order of arrival, by its number."""
        return {number: place for place, (_, number) in enumerate(sorted(self.arrivals))}

    @property
    def _end(self) -> float:
        return max((one.ended for one in self.tries), default=0.0)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a system went through: one trace for each of its endpoints.

    ``started`` is the unix time at which the recording began, ``duration`` how many seconds it
    took, ``complete`` whether it was ended on purpose rather than by its limit or a crash.
    """

    name: str
    endpoints: tuple[EndpointTrace, ...]
    _: KW_ONLY
    started: float = 0.0
    duration: float = 0.0
    complete: bool = True

    def endpoint(self, name: str) -> EndpointTrace:
        """Return the trace of one endpoint; KeyError if there is none of that name."""
        found = {one.name: one for one in self.endpoints}
        return found[name]

    def model(self, **changes: Any) -> tuple[Endpoint, ...]:
        """Return all endpoints to simulate; ``changes`` are made to each (see `EndpointTrace`)."""
        return tuple(one.endpoint(**changes) for one in self.endpoints)

    @property
    def until(self) -> float:
        """How many seconds to simulate: the recording's, or to the end of its last try."""
        last = (one.ended for trace in self.endpoints for one in trace.tries)
        return max([self.duration, *last])


def _order(one: Try) -> tuple[float, float]:
    return one.ended, one.began


def _outage(seen: list[Try], end: float) -> DependencyOutage:
    """Return the outage that these calls saw, the first of which may have been under way before.

    That one took another time to fail than those that began later.
    """
    first, others = seen[0], seen[1:]
    fails_after = median_low([one.duration for one in others or seen])
    was_under_way = abs(first.duration - fails_after) > max(_ALIKE, fails_after / 10)
    begin = first.ended if was_under_way else first.began
    return DependencyOutage(begin, max(end - begin, _SHORTEST), fails_after=fails_after)


_ALIKE = 0.001
_SHORTEST = 1e-9
