"""A slower pace for what a bus does for its store again and again: for tests on virtual time."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two looks, in the place of the usual ones, and of the bus's lease.

    Each delay that is sent is told to the poller, which looks then.
    """

    poll: float
    watch: float
    snapshots: float
    purge: float
    lease: float


SELDOM: Final = Pace(poll=60.0, watch=60.0, snapshots=600.0, purge=600.0, lease=30 * 86_400.0)
"""For a store that no other process uses: a day of virtual time costs a second."""
