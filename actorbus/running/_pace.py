"""How often a bus does for its store what it does again and again."""

from dataclasses import dataclass
from typing import Final

MOST_PAUSE = 0.1
"""Seconds between two polls of a quiet store, at most: how late another process's message is."""

MOST_PAUSE_ALONE = 1.0
"""The same for a store that no other process uses: how late a delay may be that was just sent."""

WATCH_EVERY = 5.0
SNAPSHOT_EVERY = 2.0
PURGE_EVERY = 60.0


LEAST_PAUSE = 0.01
"""Seconds between two polls at least: how late a retry may be that comes due after others."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two looks, and the bus's lease; `rest` is between two polls at least.

    Each delay that is sent is told to the poller, which looks then.
    """

    poll: float
    watch: float
    snapshots: float
    purge: float
    lease: float
    rest: float = LEAST_PAUSE


def usual_pace(lease: float, *, shared: bool) -> Pace:
    """Return the pace of a bus whose store other processes use too, or only this one."""
    poll = MOST_PAUSE if shared else MOST_PAUSE_ALONE
    return Pace(poll, WATCH_EVERY, SNAPSHOT_EVERY, PURGE_EVERY, lease)


SELDOM: Final = Pace(poll=60.0, watch=60.0, snapshots=600.0, purge=600.0, lease=30 * 86_400.0)
"""For tests, with a store that no other process uses: a day of virtual time costs a second."""
