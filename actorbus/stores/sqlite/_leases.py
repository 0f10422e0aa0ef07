"""Leases: which process may hold messages, and what becomes of those whose process is gone."""

import sqlite3
from math import inf
from typing import Final

from actorbus._store import ProcessInfo, ProcessRow
from actorbus.stores.sqlite._clock import StoreClock
from actorbus.stores.sqlite._queries import QUERIES

_REGISTER: Final = QUERIES["register_process"]
_RENEW: Final = QUERIES["renew_process"]
_HAS_LEASE: Final = QUERIES["has_lease"]
_DELETE: Final = QUERIES["delete_process"]
_RELEASE_OWNED: Final = QUERIES["release_owned"]
_EXPIRED: Final = QUERIES["expired_owners"]
_TAKE_BACK: Final = QUERIES["take_back"]
_PUBLISH: Final = QUERIES["publish_process"]
_PROCESSES: Final = QUERIES["processes"]


class Lease:
    """The lease of this process, and its view of the others."""

    def __init__(self, process: ProcessInfo, clock: StoreClock) -> None:
        self.process = process
        self._clock = clock
        self._started_at = clock.wall()
        self._epoch = 0
        self._written = self._until = -inf

    @property
    def holds(self) -> bool:
        """Whether the lease has not run out, so that nobody may take back what it covers."""
        return self._clock.boot() < self._until

    def committed(self) -> None:
        """Note that what `register` or `renew` wrote last is durable."""
        self._until = self._written

    def register(self, cursor: sqlite3.Cursor) -> None:
        """Take the lease."""
        process, clock = self.process, self._clock
        self._epoch += 1
        self._written = clock.boot() + process.lease
        cursor.execute(
            _REGISTER,
            (
                process.process_id,
                process.bus,
                process.host,
                process.pid,
                self._started_at,
                clock.boot_id(),
                self._epoch,
                process.lease,
                self._written,
                clock.wall(),
            ),
        )

    def renew(self, cursor: sqlite3.Cursor) -> bool:
        """Renew the lease; False if it was gone, and is taken anew."""
        clock = self._clock
        self._written = clock.boot() + self.process.lease
        values = (self._written, clock.wall(), clock.boot_id(), self.process.process_id)
        if cursor.execute(_RENEW, values).rowcount:
            return True
        self.register(cursor)
        return False

    def extend(self, connection: sqlite3.Connection) -> bool:
        """Renew a lease that is still there, at once; from any thread. False if it is gone."""
        clock = self._clock
        until = clock.boot() + self.process.lease
        values = (until, clock.wall(), clock.boot_id(), self.process.process_id)
        if not connection.execute(_RENEW, values).rowcount:
            return False
        self._until = max(self._until, until)
        return True

    def is_held(self, cursor: sqlite3.Cursor) -> bool:
        """Whether nobody has taken back what this process has. Reads only."""
        (held,) = cursor.execute(_HAS_LEASE, (self.process.process_id,)).fetchone()
        return bool(held)

    def give_up(self, cursor: sqlite3.Cursor) -> int:
        """Make ready what this process holds, and end its lease."""
        owner = (self.process.process_id,)
        released = cursor.execute(_RELEASE_OWNED, owner).rowcount
        cursor.execute(_DELETE, owner)
        return released

    def expired_owners(self, cursor: sqlite3.Cursor) -> list[str]:
        """Return the other processes whose leases ran out. Reads only."""
        rows = cursor.execute(_EXPIRED, (self._clock.boot_id(), self._clock.boot())).fetchall()
        return [owner for (owner,) in rows if owner != self.process.process_id]

    def take_back(self, cursor: sqlite3.Cursor, ready: set[str]) -> int:
        """Make ready, as suspects, what expired owners held; return how many."""
        count = 0
        for owner in self.expired_owners(cursor):
            rows = cursor.execute(_TAKE_BACK, (owner,)).fetchall()
            cursor.execute(_DELETE, (owner,))
            ready.update(channel for (channel,) in rows)
            count += len(rows)
        return count

    def publish(self, cursor: sqlite3.Cursor, snapshot: str) -> None:
        """Write what this process says of itself."""
        cursor.execute(_PUBLISH, (snapshot, self._clock.wall(), self.process.process_id))


def processes(cursor: sqlite3.Cursor, clock: StoreClock) -> list[ProcessRow]:
    """Return all processes with a lease row."""
    rows = cursor.execute(_PROCESSES, (clock.boot_id(), clock.boot())).fetchall()
    return [
        ProcessRow(
            process_id=process_id,
            bus=bus,
            host=host,
            pid=pid,
            started_at=started_at,
            renewed_at=renewed_at,
            alive=bool(alive),
            snapshot=snapshot,
            snapshot_at=snapshot_at,
        )
        for (
            process_id,
            bus,
            host,
            pid,
            started_at,
            renewed_at,
            alive,
            snapshot,
            snapshot_at,
        ) in rows
    ]
