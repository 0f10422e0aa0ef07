"""What a simulation found."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import ceil, nan
from types import MappingProxyType

from supervisors._decision import Decision
from supervisors._dependency import Health
from supervisors._verdict import NextTry

from ._figure import Figure


@dataclass(frozen=True, slots=True)
class Step:
    """One decision of a strategy, and when it was taken. The first of each cause is where to look.

    ``supervisor`` is the path of whoever decided, below the simulation's root; "" for the root.
    """

    at: float
    decision: Decision
    supervisor: str = ""


@dataclass(frozen=True, slots=True)
class MessageStep:
    """What became of a message whose try failed, and when it was decided."""

    at: float
    endpoint: str
    message: Hashable
    """Its number, from 0 in the order of arrival."""
    attempt: int
    """The number of the try, from 1; a try that was released does not count."""
    outcome: NextTry


@dataclass(frozen=True, slots=True)
class HealthStep:
    """An endpoint fell sick, or was healthy again."""

    at: float
    endpoint: str
    health: Health


AnyStep = Step | MessageStep | HealthStep


@dataclass(frozen=True, slots=True)
class ChildReport:
    """How one child fared. Times are seconds of virtual time."""

    name: str
    """Its name, or its path below the root if it is deeper in a tree."""
    failures: int
    """How often it failed, failed starts included."""
    failed_starts: int
    restarts: int
    """How often its instance was replaced, also along with its group."""
    downtime: float
    """How long it did not run, from its first start to the end of the simulation."""
    longest_downtime: float
    ended_at: float | None
    """When it ended for good; None if it was still supervised at the end."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """How one endpoint's, or one actor's, messages fared. Times are seconds of virtual time.

    ``arrived`` = ``handled`` + ``dropped`` + ``dead_lettered`` + ``left``.
    """

    name: str
    availability: float
    """The share of the time that it was up and healthy, from 0 to 1."""
    restarts: int
    escalations: int
    """How often its failures ended or failed its supervisor."""
    outages: int
    """How often it fell sick."""
    recovery_times: tuple[float, ...]
    """For each outage that its calls met: from the dependency's return to the first success, or to
    the end of the simulation if there was none."""
    calls_while_away: int
    """Calls put on the dependency while it was away."""
    arrived: int
    started: int
    """Tries of messages that were begun."""
    handled: int
    retried: int
    """Failed tries that were followed by another one, after a delay."""
    released: int
    """Tries, and taken messages that were not begun, that were given back uncounted."""
    dropped: int
    """Messages that a full mailbox refused or dropped."""
    dead_lettered: int
    """Messages that failed for good, however."""
    given_up: int
    """Those of them whose attempts were used up."""
    left: int
    """Messages that were not settled at the end."""
    hopeless: int
    """Those of them that fail each time (`Poison`): no further attempt would save them."""
    deepest_mailbox: int
    """The most messages that waited at once, for their first or their next try."""
    waits: Sequence[float] = field(repr=False)
    """For each handled message, in ascending order: from its arrival to the begin of the try that
    handled it."""

    @property
    def waiting_mean(self) -> float:
        """How long handled messages waited on average; 0 of none."""
        return sum(self.waits) / len(self.waits) if self.waits else 0.0

    @property
    def waiting_p50(self) -> float:
        """Half of the handled messages waited at most this long."""
        return percentile(self.waits, 0.5)

    @property
    def waiting_p99(self) -> float:
        """99 of 100 handled messages waited at most this long."""
        return percentile(self.waits, 0.99)

    @property
    def recovery(self) -> float:
        """The mean time to recover; nan if no outage was met and over."""
        times = self.recovery_times
        return sum(times) / len(times) if times else nan

    @property
    def lost(self) -> int:
        """Messages that were dropped or became dead letters."""
        return self.dropped + self.dead_lettered

    def figures(self) -> Mapping[str, float]:
        """Return its figures by name, those that are summed up for several runs."""
        return MappingProxyType({name: float(getattr(self, name)) for name in FIGURES})


FIGURES = (
    *("availability", "recovery", "restarts", "escalations", "outages", "calls_while_away"),
    *("waiting_mean", "waiting_p50", "waiting_p99", "deepest_mailbox"),
    *("arrived", "started", "handled", "retried", "released"),
    *("dropped", "dead_lettered", "given_up", "lost", "left"),
)
"""The figures of a `LoadReport`; those of several endpoints in all have the same names."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a simulation of ``until`` seconds."""

    until: float
    children: tuple[ChildReport, ...]
    gave_up: tuple[str, ...]
    """Whose restarts were used up, in order of time."""
    escalated_at: float | None
    """When the supervisor itself failed, which ends all its children; None if it did not."""
    timeline: tuple[AnyStep, ...]
    """All decisions in the order of time; none if they were not kept."""
    loads: tuple[LoadReport, ...] = ()
    """Of the children that handle messages: endpoints and workers."""
    events: int = 0
    """What happened in it: arrivals, begun tries, ended tries and decisions."""

    @property
    def restarts(self) -> int:
        """Restarts of all the children together."""
        return sum(child.restarts for child in self.children)

    @property
    def downtime(self) -> float:
        """Seconds that the children did not run, all together."""
        return sum(child.downtime for child in self.children)

    @property
    def availability(self) -> float:
        """The share of the time that the children ran, from 0 to 1."""
        return 1.0 - self.downtime / (self.until * len(self.children))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The strategies' decisions, in order of time."""
        return tuple(step for step in self.timeline if isinstance(step, Step))

    @property
    def messages(self) -> tuple[MessageStep, ...]:
        """What was decided about messages whose tries failed, in order of time."""
        return tuple(step for step in self.timeline if isinstance(step, MessageStep))

    @property
    def health(self) -> tuple[HealthStep, ...]:
        """When endpoints fell sick and were healthy again, in order of time."""
        return tuple(step for step in self.timeline if isinstance(step, HealthStep))

    def child(self, name: str) -> ChildReport:
        """Return the report on one child; KeyError if there is none of that name."""
        found = {child.name: child for child in self.children}
        return found[name]

    def load(self, name: str) -> LoadReport:
        """Return the report on one endpoint's messages; KeyError if there is none of that name."""
        found = {load.name: load for load in self.loads}
        return found[name]

    @property
    def total(self) -> LoadReport:
        """The endpoints in all: counts are summed up, the deepest mailbox is that of one of them.

        Availability is their mean. KeyError if there is none.
        """
        return _in_all(self.loads)


@dataclass(frozen=True, slots=True)
class Runs:
    """Several runs of one simulation that differ in their seeds alone."""

    reports: tuple[Report, ...]
    confidence: float = 0.95

    def figure(self, name: str, load: str | None = None) -> Figure:
        """Return a figure of one endpoint, or of all: its mean, and how far that may be off.

        ``name`` is one of `FIGURES`. Runs without a value, as the recovery time of one without an
        outage, are left out; if there is no other the mean is nan. KeyError for unknown names.
        """
        if name not in FIGURES:
            raise KeyError(f"no figure is called {name!r} (known: {', '.join(FIGURES)})")
        values = [float(getattr(_of(report, load), name)) for report in self.reports]
        known = [value for value in values if value == value]  # noqa: PLR0124  # nan is not itself
        return Figure.of(known or [nan], self.confidence)

    def figures(self, load: str | None = None) -> Mapping[str, Figure]:
        """Return all figures of one endpoint, or of all together, by name."""
        return MappingProxyType({name: self.figure(name, load) for name in FIGURES})


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return what the ``share`` of the ordered values does not exceed (nearest rank); 0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _of(report: Report, load: str | None) -> LoadReport:
    return report.total if load is None else report.load(load)


def _in_all(loads: Sequence[LoadReport]) -> LoadReport:
    if not loads:
        raise KeyError("no child of this simulation handles messages")
    if len(loads) == 1:
        return loads[0]
    values = {one.name: [getattr(load, one.name) for load in loads] for one in fields(LoadReport)}
    summed = {name: sum(found) for name, found in values.items() if isinstance(found[0], int)}
    summed["deepest_mailbox"] = max(values["deepest_mailbox"])
    return LoadReport(
        name="in all",
        availability=sum(values["availability"]) / len(loads),
        recovery_times=tuple(time for load in loads for time in load.recovery_times),
        waits=sorted(wait for load in loads for wait in load.waits),
        **summed,
    )
