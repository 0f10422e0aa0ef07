"""What a recording notes while a bus runs: numbers, times and kinds, kept for the writer.

On the trio side, at the end of a handler or a claim: it never waits, and it fails nobody.

Rules:
 1. Messages and tenants are known by numbers, given in order of first sight.
 2. At most `MOST_WAITING` events wait for the writer. What comes beside them is counted, not kept.
 3. Numbers of messages that were not seen for long are forgotten, so that memory has a bound.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Final

from actorbus._bus_events import (
    EndpointHealthy,
    EndpointSick,
    MessageDied,
    MessageDiverted,
    MessageRetried,
)
from actorbus._store import Claimed
from actorbus.endpoints._plan import EndpointPlan
from actorbus.endpoints._workload import Workload
from actorbus.tuning._trace_file import (
    BackoffSettings,
    EndpointSettings,
    Kind,
    RetrySettings,
    endpoint_line,
)
from actors.events import BackingOff, Event, Restarted
from supervisors import Verdict

MOST_WAITING: Final = 50_000
"""Events that wait for the writer, at most: about 10 MB."""

MOST_KNOWN: Final = 50_000
"""Messages whose numbers are kept are between this many and twice as many."""

HEARD: Final = (
    MessageRetried,
    MessageDied,
    MessageDiverted,
    EndpointSick,
    EndpointHealthy,
    BackingOff,
    Restarted,
)
"""The events that a recording listens to."""

_KINDS: Final[Mapping[Verdict, Kind]] = {
    Verdict.FAILED: "failed",
    Verdict.PERMANENT: "permanent",
    Verdict.UNDECODABLE: "permanent",
    Verdict.OUTAGE: "outage",
    Verdict.STORE: "store",
    Verdict.STALE: "stale",
}

Fields = tuple[object, ...]


class Tape:
    """What waits for the writer: fields of events, and whole lines that name endpoints.

    `clock` is the time of the events; `now` is the store's, for how long a message has waited.
    """

    def __init__(self, clock: Callable[[], float], now: Callable[[], float]) -> None:
        self.now = now
        self.waiting: deque[Fields | bytes] = deque()
        self.dropped = 0
        self.is_over = False
        self.time_at_end = 0.0
        self.endpoints: dict[str, EndpointSettings] = {}
        self._clock = clock
        self._begun_at = clock()
        self._tracks: dict[str, Track] = {}
        self._tenants: dict[str, int] = {}
        self._messages = 0
        self._known: dict[str, int] = {}
        self._known_before: dict[str, int] = {}

    def end(self) -> None:
        """Note nothing more."""
        self.time_at_end = self.time()
        self.is_over = True

    def time(self) -> float:
        """Return the seconds since the recording began."""
        return round(self._clock() - self._begun_at, 6)

    def note(self, *fields: object) -> None:
        """Keep the fields of an event, which are in the order of a `Happened`, without its time."""
        self.keep(self.time(), *fields)

    def keep(self, *fields: object) -> None:
        """Keep the fields of an event, its time being the first."""
        if self.is_over:
            return
        if len(self.waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self.waiting.append(fields)

    def track(self, workload: Workload) -> "Track":
        """Return what notes the events of an endpoint, which is the one before if there was one."""
        plan = workload.plan
        found = self._tracks.get(plan.path)
        if found is None:
            name, settings = self._name(plan), settings_of(workload)
            found = self._tracks[plan.path] = Track(self, len(self.endpoints))
            self.endpoints[name] = settings
            if not self.is_over:  # never dropped: the numbers behind it count it
                self.waiting.append(endpoint_line(name, settings))
        return found

    def hear(self, event: Event) -> None:
        """Note an event of the bus's that is about an endpoint."""
        track = self._tracks.get(event.path)
        if track is not None:
            track.hear(event)

    def number(self, copy_id: str) -> tuple[int, bool]:
        """Return the number of a message, and whether it is new."""
        found = self._known.get(copy_id)
        if found is not None:
            return found, False
        found = self._known_before.get(copy_id)
        is_new = found is None
        if found is None:
            found = self._messages = self._messages + 1
        if len(self._known) >= MOST_KNOWN:
            self._known, self._known_before = {}, self._known
        self._known[copy_id] = found
        return found, is_new

    def _name(self, plan: EndpointPlan) -> str:
        name = plan.spec.endpoint_id
        if plan.tenant:
            number = self._tenants.setdefault(plan.tenant, len(self._tenants) + 1)
            name = f"{name} tenant {number}"
        return f"{name} on {plan.channel}" if name in self.endpoints else name


class Track:
    """Notes the events of one endpoint."""

    __slots__ = ("_begun", "_number", "_tape")

    def __init__(self, tape: Tape, number: int) -> None:
        self._tape = tape
        self._number = number
        self._begun: dict[str, float] = {}

    def arrived(self, batch: Iterable[Claimed]) -> None:
        """Note those that were claimed for the first time."""
        tape, now = self._tape, self._tape.now()
        for one in batch:
            number, is_new = tape.number(one.copy_id)
            if is_new:
                waited = max(0.0, round(now - max(one.enqueued_at, one.due_at), 6))
                tape.note("arrived", self._number, number, one.attempts + 1, waited)

    def began(self, claimed: Claimed) -> None:
        """Note that a handler is started on a message."""
        tape, copy_id = self._tape, claimed.copy_id
        now = self._begun[copy_id] = tape.time()
        tape.keep(now, "began", self._number, tape.number(copy_id)[0], claimed.attempts + 1)

    def succeeded(self, claimed: Claimed) -> None:
        """Note that a handler was done with a message."""
        self._ended("done", claimed)

    def failed(self, claimed: Claimed, verdict: Verdict, error: BaseException) -> None:
        """Note that a handler failed, and whose fault it was."""
        self._ended(_KINDS[verdict], claimed, type(error).__qualname__)

    def released(self, batch: Iterable[Claimed]) -> None:
        """Note that messages are given back, uncounted."""
        for one in batch:
            self._begun.pop(one.copy_id, None)
            number = self._tape.number(one.copy_id)[0]
            self._tape.note("released", self._number, number, one.attempts + 1)

    def tuned(self) -> None:
        """Note that the endpoint's settings were changed."""
        self._tape.note("tuned", self._number)

    def hear(self, event: Event) -> None:
        """Note what happened to a message after its failure, or to the endpoint."""
        note, at = self._tape.note, self._number
        match event:
            case MessageRetried(copy_id=copy_id, attempt=attempt, delay=delay):
                note("retried", at, self._tape.number(copy_id)[0], attempt, delay)
            case MessageDied(copy_id=copy_id, attempt=attempt, reason=reason):
                note("dead", at, self._tape.number(copy_id)[0], attempt, str(reason))
            case MessageDiverted(copy_id=copy_id, attempt=attempt, reason=reason):
                note("diverted", at, self._tape.number(copy_id)[0], attempt, str(reason))
            case EndpointSick(outages=outages, cause=cause):
                note("sick", at, 0, 0, outages, type(cause).__qualname__)
            case EndpointHealthy():
                note("healthy", at)
            case BackingOff(delay=delay):
                note("backing off", at, 0, 0, delay)
            case Restarted(restarts=restarts):
                note("restarted", at, 0, 0, restarts)
            case _:
                raise AssertionError(f"not listened to: {event!r}")

    def _ended(self, kind: Kind, claimed: Claimed, *exception: str) -> None:
        tape, copy_id = self._tape, claimed.copy_id
        now, begun = tape.time(), self._begun.pop(copy_id, None)
        number = tape.number(copy_id)[0]
        took = None if begun is None else round(now - begun, 6)
        tape.keep(now, kind, self._number, number, claimed.attempts + 1, took, *exception)


def settings_of(workload: Workload) -> EndpointSettings:
    """Return how an endpoint is supervised now, as a trace has it."""
    plan, now = workload.plan, workload.supervision
    return EndpointSettings(
        channel=plan.channel,
        concurrency=plan.concurrency,
        max_in_flight=plan.limit,
        retry=RetrySettings(**asdict(now.retry)),
        backoff=BackoffSettings(**asdict(now.backoff)),
        max_restarts=now.max_restarts,
        within=now.within,
        breaker=now.breaker,
    )
