"""Keeps the lease of a process whose event loop is late with it, from a thread of its own.

A handler that blocks the loop would otherwise lose what the process holds to another, and be run
twice. The loop renews first; this is for the time that it cannot. A loop that is late by more than
`PATIENCE` leases counts as dead, so that what it holds is not kept for ever.
"""

import logging
import sqlite3
import threading
import time
from typing import Final

from actorbus._store import StoreError
from actorbus.stores.sqlite._database import Database
from actorbus.stores.sqlite._leases import Lease

PATIENCE: Final = 3
"""Leases for which a loop may be late."""

_log = logging.getLogger("actorbus.store")


class LeaseKeeper:
    """Begins with the loop's first renewal. Its clock is real time, as the loop's trouble is."""

    def __init__(self, lease: Lease, database: Database) -> None:
        self._lease = lease
        self._database = database
        self._length = lease.process.lease
        self._renewed = 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def renewed(self) -> None:
        """Note that the loop has renewed the lease."""
        self._renewed = time.monotonic()
        if self._thread is None:
            name = f"store {self._database.path}: lease"
            self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread, which blocks nowhere."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(self._length / 8):
            if self.is_needed(time.monotonic() - self._renewed):
                self._renew()

    def is_needed(self, late: float) -> bool:
        """Whether to renew it when the loop did so `late` seconds ago. What ran out, ran out."""
        return self._length / 2 < late < self._length * PATIENCE and self._lease.holds

    def _renew(self) -> None:
        try:
            connection = self._database.open_beside()
            try:
                self._lease.extend(connection)
            finally:
                connection.close()
        except (sqlite3.Error, StoreError) as error:
            text = (
                "store %s: the event loop is blocked, and the lease was not renewed beside it: %r"
            )
            _log.warning(text, self._database.path, error)
