"""The permits of a rate limit: what its endpoints may claim, and start, now.

Rules:
 1. A start takes a permit; it does not wait for one, since what has none is not claimed.
 2. Claimed messages that have not begun have their permits, and none is asked for without one.
 3. The endpoints of several tenants may share one limit: each sees what the others hold.
"""

from collections.abc import Sized
from typing import Protocol

import trio

from actorbus.endpoints._token_bucket import TokenBucket
from actorbus.options._flow import Rate


class Holder(Protocol):
    """Who holds messages that have not begun."""

    @property
    def unstarted(self) -> Sized: ...


class Permits:
    """One rate limit, `is_shared` between tenants or not.

    `promised` are the permits of messages that are just being claimed.
    """

    def __init__(self, rate: Rate, *, is_shared: bool = False) -> None:
        self.is_shared = is_shared
        self.promised = 0
        self._bucket = TokenBucket(rate.per_second, rate.at_once)
        self._holders: dict[int, Holder] = {}

    def room(self, wanted: int) -> int:
        """Return how many of the wanted messages may be claimed now."""
        return min(wanted, max(0, self.left - self._reserved()))

    @property
    def may_start(self) -> bool:
        """Whether there is a permit for a start: there is, but for one that ran again."""
        return self.left > 0

    @property
    def left(self) -> int:
        """How many may start now."""
        return self._bucket.available(trio.current_time())

    def started(self, count: int) -> None:
        """Take the permits of messages that begin."""
        self._bucket.take(count, trio.current_time())

    def holds(self, holder: Holder) -> None:
        """Count what this one has claimed and not begun, from now on."""
        self._holders[id(holder)] = holder

    def next_in(self) -> float:
        """Return the seconds until one more may be claimed."""
        return self._bucket.wait(self._reserved() + 1, trio.current_time())

    def start_in(self, now: float) -> float:
        """Return the seconds from `now` until one more may begin."""
        return self._bucket.wait(1, now)

    def _reserved(self) -> int:
        self._holders = {key: one for key, one in self._holders.items() if one.unstarted}
        return self.promised + sum(len(one.unstarted) for one in self._holders.values())
