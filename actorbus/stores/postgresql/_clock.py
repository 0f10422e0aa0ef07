"""The database's time, as this process knows it, without asking for each message."""

import time
from typing import Protocol


class LocalClock(Protocol):
    """What passes here: seconds that never go back, from any start."""

    def boot(self) -> float:
        """Return the time."""
        ...


class MonotonicClock:
    """The machine's own, which goes on while it sleeps where the system can tell."""

    def __init__(self) -> None:
        self._id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def boot(self) -> float:
        """Return the time since the machine started."""
        return time.clock_gettime(self._id)


class DatabaseClock:
    """The database's clock: what it said last, and what has passed here since.

    A reading is wrong by half a round trip, at most.
    """

    def __init__(self, local: LocalClock) -> None:
        self._local = local
        self._offset: float | None = None

    def heard(self, asked_at: float, said: float) -> None:
        """Note what the database said its time was, asked at this local time."""
        self._offset = said - (asked_at + self._local.boot()) / 2

    def local(self) -> float:
        """Return the local time, for `heard` and for leases."""
        return self._local.boot()

    def now(self) -> float:
        """Return the unix time by the database's clock; this machine's before it was asked."""
        if self._offset is None:
            return time.time()
        return self._local.boot() + self._offset
