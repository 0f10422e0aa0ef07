"""The clocks of a store: wall time for what is due, time since the machine's start for leases.

A lease must not end early because someone set the wall clock, and must go on running while the
machine sleeps; CLOCK_BOOTTIME does both, and the boot id says whether two readings may be compared.
"""

import time
from pathlib import Path
from typing import Protocol

import trio


class StoreClock(Protocol):
    """Where a store reads the time. All readings are in seconds."""

    def wall(self) -> float:
        """Return the unix time."""
        ...

    def boot(self) -> float:
        """Return the time since the machine started; never goes back."""
        ...

    def boot_id(self) -> str:
        """Return what names this start of the machine."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self._id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        self._boot_id = _read_boot_id()

    def wall(self) -> float:
        """Return the unix time."""
        return time.time()

    def boot(self) -> float:
        """Return the time since the machine started."""
        return time.clock_gettime(self._id)

    def boot_id(self) -> str:
        """Return the kernel's boot id, or "" where there is none."""
        return self._boot_id


class RunClock:
    """The clock of the trio run, so that a mock clock rules a store in memory."""

    def __init__(self, start: float | None = None) -> None:
        """`start` is the unix time at the run's time 0; the machine's own, unless given."""
        self._offset = start

    def wall(self) -> float:
        """Return the unix time at the first reading plus what passed in the run since."""
        now = trio.current_time()
        if self._offset is None:
            self._offset = time.time() - now
        return now + self._offset

    def boot(self) -> float:
        """Return the run's time."""
        return trio.current_time()

    def boot_id(self) -> str:
        """Return "": no other machine sees this store."""
        return ""


def _read_boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
