"""The lease of this process, renewed on the drivers' loop when the run loop is late with it.

A handler that blocks the run loop would otherwise lose what the process holds to another, and be
run twice. The run loop renews first; this is for the time that it cannot. A loop that is late by
more than `PATIENCE` leases counts as dead, so that what it holds is not kept for ever.
"""

import asyncio
import logging
import time
from math import inf
from typing import Final

from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._leases import Lease

PATIENCE: Final = 3
"""Leases for which a run loop may be late."""

_log = logging.getLogger("actorbus.store")


class LeaseKeeper:
    """Begins with the run loop's first renewal. Its clock is real time, as its trouble is."""

    def __init__(self, lease: Lease, access: Access) -> None:
        self._lease = lease
        self._access = access
        self._length = lease.process.lease
        self._renewed = -inf

    def renewed(self) -> None:
        """Note that the run loop has renewed the lease."""
        self._renewed = time.monotonic()

    async def serve(self) -> None:
        """Renew it whenever the run loop is late, until cancelled."""
        while True:
            await asyncio.sleep(self._length / 8)
            if self.is_needed(time.monotonic() - self._renewed):
                await self._renew()

    def is_needed(self, late: float) -> bool:
        """Whether to renew it when the loop did so `late` seconds ago. What ran out, ran out."""
        return self._length / 2 < late < self._length * PATIENCE and self._lease.holds

    async def _renew(self) -> None:
        try:
            await self._access.run(self._lease.extend)
        except Exception as error:  # noqa: BLE001  logged; it is tried again
            text = "store %s: the run loop is late, and the lease was not renewed beside it: %r"
            _log.warning(text, self._access.place, error)
