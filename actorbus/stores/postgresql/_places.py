"""Where claims begin to look, so that they stay quick while what was claimed cannot be cleaned up.

A claimed or handled message leaves an entry in the index, which PostgreSQL clears away soon, but
not while some transaction that began before (a dump, a long report, a forgotten session) may still
want to see it. A claim that looks from the beginning passes over all of them: 0.3 ms for
each 1,000.

Rules:
 1. A queue whose messages are found quickly is always looked at from its beginning: a look that
    passes over less than 2,000 such entries.
 2. After one that passes over more, the next ones begin behind what was claimed last, until it has
    paid off: so looking from the beginning takes at most a twentieth of the time, and is put off
    for 5 seconds at most.
 3. What lies before that place (a message that was released, or committed late, or has a higher
    priority) waits until then. A queue that was looked at so, and had nothing more, is owed a look
    from its beginning: `owed` names its channel when the time has come.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Final, NamedTuple

from actorbus._store import Claimed, Demand

PAYS_OFF: Final = 20
"""A look that took a second is made every twenty, but for:"""
AT_MOST: Final = 5.0
"""Seconds that it is put off."""

Queue = tuple[str, tuple[str, ...], str | None]
"""Channel, names of the endpoint, and the tenant that is asked for."""


class Place(NamedTuple):
    """Behind which message of which tenant the next claim begins to look."""

    tenant: str
    rank: int
    due_at: float
    sequence: int


class _Slow:
    """A queue that was slow to look at from its beginning."""

    def __init__(self, place: Place, until: float, *, owed: bool) -> None:
        self.place = place
        self.until = until
        self.owed = owed


class Places:
    """Where the claims of one process begin to look. Holds what is slow, and nothing else."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slow: dict[Queue, _Slow] = {}

    @property
    def any_slow(self) -> bool:
        """Whether there is anything to know."""
        return bool(self._slow)

    def of(self, demand: Demand) -> dict[str, Any]:
        """Return where to begin, for the statement; nothing means from the beginning."""
        slow = self._slow.get(queue_of(demand))
        if slow is None or slow.until <= self._clock():
            return {}
        return slow.place._asdict()

    def found_quickly(self, demand: Demand) -> None:
        """Note that a look from the beginning was quick, or was one at several tenants.

        Each of those has a beginning, and they are always looked at from there.
        """
        self._slow.pop(queue_of(demand), None)

    def found_slowly(
        self, demand: Demand, claimed: list[Claimed], seconds: float, nothing_before: Place
    ) -> None:
        """Note that a look from the beginning took so long, and what it found.

        Without anything, the next look begins at `nothing_before`.
        """
        until = self._clock() + min(seconds * PAYS_OFF, AT_MOST)
        place = last_of(claimed) or nothing_before
        self._slow[queue_of(demand)] = _Slow(place, until, owed=len(claimed) < demand.credit)

    def found_behind(self, demand: Demand, claimed: list[Claimed]) -> None:
        """Note what was found behind the place of a queue."""
        slow = self._slow.get(queue_of(demand))
        if slow is None:
            return
        slow.place = last_of(claimed) or slow.place
        slow.owed = slow.owed or len(claimed) < demand.credit

    def owed(self) -> set[str]:
        """Return the channels that may have more than the last claims found."""
        now = self._clock()
        channels = {
            queue[0] for queue, slow in self._slow.items() if slow.owed and slow.until <= now
        }
        for queue, slow in self._slow.items():
            slow.owed = slow.owed and queue[0] not in channels
        return channels

    @property
    def next_owed(self) -> float:
        """When `owed` has something to say, by this process's clock; infinite: never."""
        return min((slow.until for slow in self._slow.values() if slow.owed), default=inf)


def queue_of(demand: Demand) -> Queue:
    """Return what a demand asks for."""
    return demand.channel, demand.endpoint_ids, demand.tenant


def last_of(claimed: Iterable[Claimed]) -> Place | None:
    """Return the place of the last of these; suspects have an order of their own."""
    places = [
        Place(one.tenant, -one.priority, one.due_at, one.sequence)
        for one in claimed
        if not one.suspect
    ]
    return max(places, key=lambda place: place[1:], default=None)
