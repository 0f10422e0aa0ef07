"""The health of an endpoint: is its dependency down, and whose fault is that. Without a clock.

Rules:
 1. A message that sees an outage makes its endpoint sick, and is released uncounted.
 2. A sick endpoint takes nothing; once its supervisor has restarted it, it probes with one message.
 3. The first success of a probe makes it healthy. An outage makes it sick again, uncounted.
 4. The next probe is a message that has not seen this outage, if there is one: a message whose
    own dependency is down cannot keep the others waiting behind it.
 5. A message that sees an outage again after others have succeeded sees it alone: that one is
    the message's own failure, counted, and leaves the endpoint as it is.
 6. Successes of what was running when the endpoint fell sick say nothing about the dependency.
 7. Other failures count towards sickness only under a breaker, and only in a row.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ._verdict import Verdict

MOST_REMEMBERED = 1000
"""How many messages that saw an outage are remembered; the oldest are forgotten first."""


class Health(Enum):
    """Whether an endpoint asks for work: all it may hold, nothing, or one probe."""

    HEALTHY = "healthy"
    SICK = "sick"
    PROBING = "probing"


@dataclass(slots=True)
class DependencyHealth:
    """One endpoint's health, as its messages see what it depends on. It outlives restarts.

    `breaker` is how many failures in a row make it sick, None for never. `seen` are the messages
    that saw an outage, in that order, each with the count of successes there were then.
    """

    breaker: int | None = None
    health: Health = Health.HEALTHY
    successes: int = 0
    failures_in_a_row: int = 0
    outages: int = 0
    seen: dict[Hashable, int] = field(default_factory=dict)

    def succeeded(self, copy_id: Hashable) -> bool:
        """Note a success; True if it made a probing endpoint healthy."""
        self.failures_in_a_row = 0
        if self.health is Health.SICK:
            return False
        self.successes += 1
        self.forget(copy_id)
        opened = self.health is Health.PROBING
        self.health = Health.HEALTHY
        return opened

    def failed(self) -> bool:
        """Note a failure that counts against its message; True if it made the endpoint sick."""
        self.failures_in_a_row += 1
        if self.breaker is None or self.health is Health.SICK:
            return False
        if self.failures_in_a_row < self.breaker and self.health is Health.HEALTHY:
            return False
        return self._fall_sick()

    def noted(self, copy_id: Hashable, verdict: Verdict) -> bool:
        """Note a failure of a message; True if it sees an outage alone, which then counts."""
        if verdict is Verdict.OUTAGE:
            return self.saw_outage(copy_id)
        if verdict is Verdict.FAILED:
            self.failed()
        return False

    def may_start(self, running: int) -> bool:
        """Whether a message may begin beside the `running` ones: a probe runs alone."""
        if self.health is Health.HEALTHY:
            return True
        return self.health is Health.PROBING and not running

    def saw_outage(self, copy_id: Hashable) -> bool:
        """Note an outage; True if the message sees it alone, and it counts against the message."""
        alone = self._others_succeeded_since(copy_id)
        self._remember(copy_id)
        if not alone:
            self._fall_sick()
        return alone

    def saw_outage_together(self) -> None:
        """Note that a batch saw an outage, which says of none of its messages that it is theirs."""
        self._fall_sick()

    def restarted(self) -> None:
        """Note that the supervisor has started a new instance: one that was sick now probes."""
        if self.health is Health.SICK:
            self.health = Health.PROBING

    def credit(self, free: int, held: int) -> int:
        """Return how many messages to ask for, of the `free` places beside the `held` ones."""
        if self.health is Health.HEALTHY:
            return free
        if self.health is Health.SICK or held:
            return 0
        return min(free, 1 + self._seen_since_success())

    def choose_probe(self, copy_ids: Sequence[Hashable]) -> int:
        """Return the place of the probe: a message that saw no outage, or saw it first."""
        order = {copy_id: place for place, copy_id in enumerate(self.seen)}
        return min(range(len(copy_ids)), key=lambda at: order.get(copy_ids[at], -1))

    def forget(self, copy_id: Hashable) -> None:
        """Drop a message that is settled for good."""
        if self.seen:
            self.seen.pop(copy_id, None)

    def _seen_since_success(self) -> int:
        return sum(before == self.successes for before in self.seen.values())

    def _fall_sick(self) -> bool:
        fell = self.health is not Health.SICK
        self.health = Health.SICK
        self.outages += fell
        return fell

    def _others_succeeded_since(self, copy_id: Hashable) -> bool:
        before = self.seen.get(copy_id)
        return before is not None and self.successes > before

    def _remember(self, copy_id: Hashable) -> None:
        self.seen.pop(copy_id, None)
        self.seen[copy_id] = self.successes
        if len(self.seen) > MOST_REMEMBERED:
            del self.seen[next(iter(self.seen))]
