"""Leases: which process may hold messages, and what becomes of those whose process is gone.

A lease is a row with the time at which it ends, by the database's clock. Who takes back what an
owner had deletes its row, and a claim makes sure that its own is there: neither runs beside the
other.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from actorbus._store import ProcessInfo, ProcessRow
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

_REGISTER: Final = QUERIES["register_process"]
_RENEW: Final = QUERIES["renew_process"]
_DELETE: Final = QUERIES["delete_process"]
_RELEASE_OWNED: Final = QUERIES["release_owned"]
_EXPIRED: Final = QUERIES["expired_owners"]
_TAKE_BACK: Final = QUERIES["take_back"]
_PUBLISH: Final = QUERIES["publish_process"]
_PROCESSES: Final = QUERIES["processes"]


class Lease:
    """The lease of this process, and its view of the others.

    `clock` tells what passes here, in seconds, from any start. Until when the lease holds is
    counted from before it was asked for, so that it never seems to hold for longer than it does.
    """

    def __init__(self, process: ProcessInfo, clock: Callable[[], float]) -> None:
        self.process = process
        self._clock = clock
        self._epoch = 0
        self._written = self._until = -inf

    @property
    def holds(self) -> bool:
        """Whether the lease has not run out, so that nobody may take back what it covers."""
        return self._clock() < self._until

    def committed(self) -> None:
        """Note that what `register` or `renew` wrote last is durable."""
        self._until = max(self._until, self._written)

    async def register(self, connection: Connection) -> None:
        """Take the lease."""
        process = self.process
        self._epoch += 1
        self._written = self._clock() + process.lease
        await connection.execute(
            _REGISTER,
            process.process_id,
            process.bus,
            process.host,
            process.pid,
            self._epoch,
            process.lease,
        )

    async def renew(self, connection: Connection) -> bool:
        """Renew the lease; False if it was gone, and is taken anew."""
        asked_at = self._clock()
        if await connection.fetchval(_RENEW, self.process.process_id) is None:
            await self.register(connection)
            return False
        self._written = asked_at + self.process.lease
        return True

    async def extend(self, connection: Connection) -> bool:
        """Renew a lease that is still there, at once; False if it is gone.

        It needs no transaction around it.
        """
        asked_at = self._clock()
        if await connection.fetchval(_RENEW, self.process.process_id) is None:
            return False
        self._written = asked_at + self.process.lease
        self.committed()
        return True

    async def give_up(self, connection: Connection) -> set[str]:
        """Make ready what this process holds, and end its lease; return the channels."""
        owner = self.process.process_id
        rows = await connection.fetch(_RELEASE_OWNED, owner)
        await connection.execute(_DELETE, owner)
        return {channel for (channel,) in rows}

    async def expired_owners(self, connection: Connection) -> list[str]:
        """Return the other processes whose leases ran out. Reads only."""
        return list(await connection.fetchval(_EXPIRED, self.process.process_id))

    async def publish(self, connection: Connection, snapshot: str) -> None:
        """Write what this process says of itself."""
        await connection.execute(_PUBLISH, self.process.process_id, snapshot)


async def take_back(connection: Connection, owners: Sequence[str]) -> tuple[int, set[str]]:
    """Make ready, as suspects, what expired owners held.

    Returns how many, and the channels that have work now. Those that others are taking back, and
    what is being settled just now, are left to the next time: nothing is waited for.
    """
    count = 0
    ready: set[str] = set()
    for owner in sorted(owners):
        row = await connection.fetchrow(_TAKE_BACK, owner)
        assert row is not None  # noqa: S101  it always returns one row
        taken, channels = row
        count += taken
        ready |= set(channels)
    return count, ready


async def processes(connection: Connection) -> list[ProcessRow]:
    """Return all processes with a lease row."""
    return [ProcessRow(**dict(row)) for row in await connection.fetch(_PROCESSES)]
