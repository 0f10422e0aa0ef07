"""The figures of one child, gathered while the simulation runs."""

from dataclasses import dataclass

from ._report import ChildReport


@dataclass(slots=True)
class Tally:
    """Mutable; ``report`` closes it. A child begins down, at time 0."""

    name: str
    failures: int = 0
    failed_starts: int = 0
    restarts: int = 0
    """Of its instances under supervisors that were replaced themselves."""
    escalations: int = 0
    downtime: float = 0.0
    longest_downtime: float = 0.0
    down_since: float | None = 0.0
    ended_at: float | None = None

    def up(self, now: float) -> None:
        """The child runs from ``now`` on."""
        self.ended_at = None
        if self.down_since is not None:
            self._add(now - self.down_since)
            self.down_since = None

    def down(self, now: float) -> None:
        """The child no longer runs."""
        if self.down_since is None:
            self.down_since = now

    def ended(self, now: float) -> None:
        """The child has ended for good."""
        self.down(now)
        self.ended_at = now

    def report(self, until: float, restarts: int) -> ChildReport:
        """Return the figures, a downtime that still lasts being counted to the end."""
        if self.down_since is not None:
            self._add(until - self.down_since)
        return ChildReport(
            self.name,
            failures=self.failures,
            failed_starts=self.failed_starts,
            restarts=self.restarts + restarts,
            downtime=self.downtime,
            longest_downtime=self.longest_downtime,
            ended_at=self.ended_at,
        )

    def _add(self, seconds: float) -> None:
        self.downtime += seconds
        self.longest_downtime = max(self.longest_downtime, seconds)
