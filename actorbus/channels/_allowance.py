"""How many more messages may be started, where a number of handled ones ends the consumption.

Rules:
 1. A message that is begun, or handled and not yet committed, has a place until it is known what
    became of it; so those that are handled are never more than were allowed.
 2. One that failed gives its place back: it was not handled.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from actorbus.channels._desk import Endpoint
from actorbus.endpoints._workload import Counts


class Counted(Protocol):
    """What an allowance needs of a desk."""

    def counts(self) -> Counts:
        """Return what became of the channel's messages."""
        ...

    def all_endpoints(self) -> Iterable[Endpoint]:
        """Return the endpoints that there are now."""
        ...


class Allowance:
    """Lets `most` messages be handled on some desks, all together.

    It counts what is in hand only when what it last found free is used up, so that it costs next
    to nothing while many are left.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.refused = False
        """A start was refused since somebody last looked; there may be a place again."""
        self._free = 0
        self._desks: Sequence[Counted] = ()

    def watch(self, desks: Sequence[Counted]) -> None:
        """Count on these desks."""
        self._desks = desks

    def may_start(self) -> bool:
        """Whether one more may be started. Each that is started is asked for at least once."""
        if self._free <= 0:
            self._free = self._left()
        if self._free <= 0:
            self.refused = True
            return False
        self._free -= 1
        return True

    def part_of(self, count: int) -> int:
        """Return how many of these may begin together, 1 or more: that one was asked for."""
        self._free = 0  # so that they are counted with what is in hand
        return min(count, max(1, self._left()))

    @property
    def is_used_up(self) -> bool:
        """Whether as many were handled as were allowed."""
        return self._handled() >= self.most

    def _left(self) -> int:
        return self.most - self._handled() - self._in_hand()

    def _handled(self) -> int:
        return sum(desk.counts().handled for desk in self._desks)

    def _in_hand(self) -> int:
        workloads = (endpoint.workload for desk in self._desks for endpoint in desk.all_endpoints())
        return sum(len(workload.running) + workload.uncommitted for workload in workloads)
