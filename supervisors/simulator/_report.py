"""What a simulation found."""

from dataclasses import dataclass

from supervisors._decision import Decision


@dataclass(frozen=True, slots=True)
class Step:
    """One decision, and when it was taken. The first of each cause is where to look."""

    at: float
    decision: Decision


@dataclass(frozen=True, slots=True)
class ChildReport:
    """How one child fared. Times are seconds of virtual time."""

    name: str
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
class Report:
    """The result of a simulation of ``until`` seconds."""

    until: float
    children: tuple[ChildReport, ...]
    gave_up: tuple[str, ...]
    """Whose restarts were used up, in order of time."""
    escalated_at: float | None
    """When the supervisor itself failed, which ends all its children; None if it did not."""
    steps: tuple[Step, ...]

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

    def child(self, name: str) -> ChildReport:
        """Return the report on one child; KeyError if there is none of that name."""
        found = {child.name: child for child in self.children}
        return found[name]
