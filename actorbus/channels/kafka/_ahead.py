"""How far ahead of the handlers messages are looked up. Pure.

Rules:
 1. What was looked up may have begun: should this process die, others have to take it for suspect,
    and suspects come one at a time. So no more is looked up than handlers soon need.
 2. It is looked up in stretches, the next one when half of the last has been handed out.
 3. Where nothing waited any more then, the next stretch is twice as long; where one lasted for
    longer than `LONG_ENOUGH`, half as long.
 4. Of several endpoints that have messages behind, the one counts for which the fewest wait: one
    whose handlers hang keeps no others from theirs.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

import trio

from actorbus.channels.kafka._partitions import Delivery

SHORTEST: Final = 50
LONGEST: Final = 500
LONG_ENOUGH: Final = 0.5
"""Seconds."""


class Ahead:
    """The messages of a channel that were fetched and not looked up, in their order."""

    def __init__(self) -> None:
        self.stretch = SHORTEST
        self._behind: deque[Delivery] = deque()
        self._of: dict[str, int] = {}
        self._asked = False
        self._taken_at = 0.0

    def __len__(self) -> int:
        """Return how many there are, also of partitions that have gone."""
        return len(self._behind)

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Add what was fetched."""
        for one in deliveries:
            self._behind.append(one)
            endpoint = one.claimed.endpoint
            self._of[endpoint] = self._of.get(endpoint, 0) + 1

    @property
    def endpoints(self) -> Iterable[str]:
        """Those that have messages here."""
        return self._of.keys()

    def is_wanted(self, waiting: int) -> bool:
        """Whether the next stretch is to be looked up; True once until one is taken."""
        if self._asked or not self._behind or waiting > self.stretch // 2:
            return False
        self._asked = True
        return True

    def take(self, waiting: int) -> list[Delivery]:
        """Return the next stretch; nothing if enough wait for their handlers still."""
        self._asked = False
        if not self._behind or waiting > self.stretch // 2:
            return []
        now = trio.current_time()
        if now - self._taken_at > LONG_ENOUGH:
            self.stretch = max(SHORTEST, self.stretch // 2)
        elif waiting == 0:
            self.stretch = min(LONGEST, self.stretch * 2)
        self._taken_at = now
        found: list[Delivery] = []
        while self._behind and len(found) < self.stretch:
            one = self._next()
            if one.partition.open.get(one.offset) is one:  # else it is another process's
                found.append(one)
        return found

    def _next(self) -> Delivery:
        one = self._behind.popleft()
        endpoint = one.claimed.endpoint
        self._of[endpoint] -= 1
        if not self._of[endpoint]:
            del self._of[endpoint]
        return one
