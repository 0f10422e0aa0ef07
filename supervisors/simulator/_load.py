"""What endpoints and workers of a simulation share: messages that come, wait, and are counted."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from supervisors._spec import ChildSpec
from supervisors._verdict import Verdict

from ._member import Member
from ._model import Endpoint, Worker
from ._outcomes import Outcomes
from ._report import LoadReport
from ._world import World


class Message:
    """One message on its way. ``cut`` says that its try was ended with its actor."""

    __slots__ = ("arrived", "attempts", "began", "cut", "due", "number", "verdict")

    def __init__(self, number: int, arrived: float) -> None:
        self.number = number
        self.arrived = self.due = arrived
        self.attempts = 0
        """Tries that failed and count."""
        self.began = 0.0
        self.verdict: Verdict | None = None
        self.cut = False

    def again(self) -> "Message":
        """Return the message as it was before its try, which is cut."""
        self.cut = True
        other = Message(self.number, self.arrived)
        other.due, other.attempts = self.due, self.attempts
        return other


class Load(Member, ABC):
    """A member with messages. Its counts are those of `LoadReport`."""

    def __init__(self, world: World, spec: ChildSpec, path: str, model: Endpoint | Worker) -> None:
        super().__init__(world, spec, path)
        draws = world.draws_of(path)
        self.agenda = world.agenda
        self.take = model.service.sampler(draws.of("service"))
        self.outcomes = Outcomes(model.failures, draws, world.until) if model.failures else None
        self._times: Iterator[float] = model.arrivals.times(draws.of("arrivals"))
        self.is_up = False
        self.waiting = 0
        self.deepest = 0
        self.arrived = self.started = self.ended = self.handled = 0
        self.retried = self.released = 0
        self.dropped = self.dead_lettered = self.given_up = 0
        self.waits: list[float] = []
        self._well = 0.0
        self._well_since: float | None = None
        self._expect_next()

    # -- arrivals ------------------------------------------------------------------------------

    def _expect_next(self) -> None:
        at = next(self._times, None)
        if at is not None and at <= self.world.until:
            self.agenda.at(max(0.0, at), self._arrive, at)

    def _arrive(self, at: float) -> None:
        number = self.arrived
        self.arrived = number + 1
        self._expect_next()
        self.offer(Message(number, at))

    @abstractmethod
    def offer(self, message: Message) -> None:
        """Take a message that has come, or drop one."""

    def wait(self) -> None:
        """Count one message more that waits."""
        self.waiting += 1
        if self.waiting > self.deepest:  # noqa: PLR1730  # max() costs a tenth of an event
            self.deepest = self.waiting

    # -- tries -----------------------------------------------------------------------------------

    def begin(self, message: Message) -> None:
        """Begin a try of a message, and expect its end."""
        now = self.agenda.now
        number, attempt = message.number, message.attempts + 1
        self.started += 1
        message.began = now
        seconds = self.take(number, attempt)
        if self.outcomes is None:
            self.agenda.at(now + seconds, self.end, message)
        else:
            end, message.verdict = self.outcomes.end(number, attempt, now, seconds)
            self.agenda.at(end, self.end, message)

    @abstractmethod
    def end(self, message: Message) -> None:
        """Go on after a try."""

    def note_success(self, message: Message) -> None:
        """Count a message that was handled."""
        self.handled += 1
        self.waits.append(message.began - message.arrived)
        if self.outcomes is not None:
            self.outcomes.succeeded(self.agenda.now)

    def note_loss(self, message: Message) -> None:
        """Note a message that has failed for good."""
        if self.outcomes is not None:
            self.outcomes.lost(message.number)

    # -- reporting -------------------------------------------------------------------------------

    def well(self) -> None:
        """Be available from now on."""
        if self._well_since is None:
            self._well_since = self.agenda.now

    def unwell(self) -> None:
        """Be unavailable from now on."""
        if self._well_since is not None:
            self._well += self.agenda.now - self._well_since
            self._well_since = None

    def close(self, until: float) -> None:
        """Take stock at the end."""
        self.unwell()
        self.world.events += self.arrived + self.started + self.ended

    def report(self, restarts: int, outages: int = 0) -> LoadReport:
        """Return what became of its messages."""
        left = self.arrived - self.handled - self.dropped - self.dead_lettered
        seen = self.outcomes
        return LoadReport(
            self.path,
            availability=self._well / self.world.until,
            restarts=restarts,
            escalations=self.tally.escalations,
            outages=outages,
            recovery_times=() if seen is None else seen.recoveries(self.world.until),
            calls_while_away=0 if seen is None else seen.calls_while_away,
            arrived=self.arrived,
            started=self.started,
            handled=self.handled,
            retried=self.retried,
            released=self.released,
            dropped=self.dropped,
            dead_lettered=self.dead_lettered,
            given_up=self.given_up,
            left=left,
            hopeless=0 if seen is None else min(left, seen.hopeless(self.arrived)),
            deepest_mailbox=self.deepest,
            waits=sorted(self.waits),
        )
