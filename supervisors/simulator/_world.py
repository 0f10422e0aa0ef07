"""What all parts of one simulation share: its clock, its seed, its plan and its record."""

from dataclasses import dataclass, field

from supervisors._draws import DrawStream, draw_stream
from supervisors._errors import ConfigurationError

from ._agenda import Agenda
from ._outcomes import Draws
from ._plan import Outage
from ._report import AnyStep

MOST_AT_ONCE = 10_000
"""Decisions at one instant, at most."""


@dataclass(slots=True)
class World:
    """One run. Paths are those below the root; ``root`` is what stands before them in a system."""

    seed: object
    root: str
    until: float
    start_time: float
    success_after: float
    keep_steps: bool
    agenda: Agenda = field(default_factory=Agenda)
    outages: list[Outage] = field(default_factory=list)
    steps: list[AnyStep] = field(default_factory=list)
    gave_up: list[str] = field(default_factory=list)
    events: int = 0
    _last: float = -1.0
    _at_once: int = 0

    def restarts_of(self, path: str) -> DrawStream:
        """Return the stream of an actor that begins its life."""
        return draw_stream(self.seed, self.full(path))

    def messages_of(self, path: str) -> DrawStream:
        """Return the stream of an endpoint's retries."""
        return draw_stream(self.seed, self.full(path), "messages")

    def draws_of(self, path: str) -> Draws:
        """Return the random numbers of a child's load."""
        return Draws(self.seed, self.full(path))

    def full(self, path: str) -> str:
        """Return the path as a system would have it."""
        return f"{self.root}/{path}" if self.root else path

    def outage_of(self, path: str) -> Outage | None:
        """Return the planned outage that a child's start meets now."""
        now = self.agenda.now
        for one in self.outages:
            if one.child == path and one.start <= now < one.end:
                return one
        return None

    def note(self, step: AnyStep) -> None:
        """Count a decision, and keep it if that is wanted.

        Raises ConfigurationError when restarts without delay have no end.
        """
        self.events += 1
        self._at_once = self._at_once + 1 if self._last == step.at else 0
        self._last = step.at
        if self._at_once > MOST_AT_ONCE:
            raise ConfigurationError(
                "simulate",
                f"at {step.at:g} s there is no end of restarts without delay: give each strategy"
                " that restarts what cannot start a backoff, or a limit",
            )
        if self.keep_steps:
            self.steps.append(step)
