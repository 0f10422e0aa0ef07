"""Where polls begin to look for what is due, while what was due before cannot be cleared away.

A message that came due, or was handled before it expired, leaves an entry in an index. A poll
passes over all of them while some transaction keeps the server from clearing them away (see
`_places`).

Rules:
 1. A look that passes over less than 2,000 entries is always made from the beginning.
 2. After one that passes over more, the next ones begin where it ended, until it has paid off: it
    takes at most a twentieth of the time, and is put off for 5 seconds at most.
 3. What comes later is due later than it is stored, so that looks begin at the time of the last
    one. Only what is committed after that is found by the next look from the beginning.
 4. Nothing is handled too late because of what expires: whoever starts it looks at its time.
"""

from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from actorbus.stores.postgresql._due import Due
from actorbus.stores.postgresql._places import AT_MOST, PAYS_OFF

MANY: Final = 2000
"""Entries passed over by a look that is slow."""


class Begins(NamedTuple):
    """From which times on a poll looks."""

    due: float = -inf
    expires: float = -inf


FROM_THE_BEGINNING: Final = Begins()


class Heads:
    """Where the polls of one process begin to look. `clock` is its own, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begins = FROM_THE_BEGINNING
        self._until = -inf

    @property
    def begins(self) -> Begins:
        """Where the next look begins."""
        return self._begins if self._clock() < self._until else FROM_THE_BEGINNING

    def looked(self, began: Begins, due: Due) -> None:
        """Note what a look found that began there."""
        if began == FROM_THE_BEGINNING:
            self._until = self._clock() + put_off(due.passed, due.seconds)
        soonest = due.now if due.comes_due is None else min(due.comes_due, due.now)
        self._begins = Begins(soonest, inf if due.expires is None else due.expires)


class AnyReady(NamedTuple):
    """What a look for ready messages found."""

    is_so: bool
    passed: int
    seconds: float


class ReadyAsked:
    """Whether to ask for ready messages: a process that claims none has no places of its own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = -inf

    @property
    def is_quick(self) -> bool:
        """Whether the next look is quick, or has been put off for long enough."""
        return self._clock() >= self._until

    def asked(self, found: AnyReady) -> None:
        """Note what a look cost."""
        self._until = self._clock() + put_off(found.passed, found.seconds)


def put_off(passed: int, seconds: float) -> float:
    """Return for how many seconds a look from the beginning is not made again."""
    return min(seconds * PAYS_OFF, AT_MOST) if passed >= MANY else 0.0
