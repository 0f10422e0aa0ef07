"""The PostgreSQL store: one database, any number of processes on any number of hosts."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import asyncpg
import trio

from actorbus._driver_thread import DriverThread, DriverThreadEnded
from actorbus._fault_points import FaultPoints
from actorbus._settlement import RELEASE, Settlement
from actorbus._store import (
    Claimed,
    Demand,
    Outgoing,
    Poll,
    ProcessInfo,
    ProcessRow,
    SettlementRefused,
    StaleClaim,
    Store,
    StoreClosed,
    StoredReply,
    StoreError,
    StoreReplaced,
    StoreUnavailable,
)
from actorbus.stores._secrets import without_secrets
from actorbus.stores.postgresql import _leases, _runs, _settle
from actorbus.stores.postgresql._clock import DatabaseClock, LocalClock, MonotonicClock
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._connections import Connections
from actorbus.stores.postgresql._errors import DRIVERS, is_anothers_doing, is_outage, outage
from actorbus.stores.postgresql._operations import Operations
from actorbus.stores.postgresql._options import parse
from actorbus.stores.postgresql._parts import Parts
from actorbus.stores.postgresql._polling import Polling
from actorbus.stores.postgresql._probe import is_there
from actorbus.stores.postgresql._receiving import Receiving
from actorbus.stores.postgresql._schema import Schema
from actorbus.stores.postgresql._settler import QueuedSettlement, closed
from actorbus.stores.postgresql._snapshot import Snapshot
from actorbus.stores.postgresql._tenants import waiting_tenants
from actorbus.stores.postgresql._turn import PostgresTurn
from actorbus.stores.postgresql._upkeep import Upkeep

T = TypeVar("T")

_TRIES: Final = 5
"""Times that a transaction of the store's own is run when it loses against another one."""


class PostgresStore(Receiving, Operations, Upkeep):
    """See `actorbus._store.Store`.

    `url` is "postgresql://user:password@host:5432/database", with options of the store's and of
    libpq's behind a question mark. `drivers` is the thread that the driver lives on, one of the
    store's own unless given. `clock` is the local one, by which a lease is known to hold.
    """

    def __init__(
        self,
        url: str,
        *,
        drivers: DriverThread | None = None,
        clock: LocalClock | None = None,
    ) -> None:
        self._dsn, self.options = parse(url)
        super().__init__(self.options.retention)
        self._place = without_secrets(url)
        self._own_drivers = drivers is None
        self._drivers = drivers or DriverThread("actorbus store")
        self._clock = DatabaseClock(clock or MonotonicClock())
        self.fault_points: Final = FaultPoints()
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._parts: Parts | None = None
        self._polling = Polling(self._clock)

    def __repr__(self) -> str:
        return f"<PostgresStore {self._place}>"

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it too: always."""
        return True

    def has_data_of(self, other: Store) -> bool:
        """Whether both are open on the same tables."""
        mine = self.schema
        return isinstance(other, PostgresStore) and mine is not None and mine == other.schema

    @property
    def schema(self) -> Schema | None:
        """Version and id of the tables, while it is open."""
        return None if self._parts is None else self._parts.schema

    def exists(self) -> bool:
        """Whether the tables are there. It asks the database, and blocks meanwhile.

        A database that does not answer counts as one that is there: opening it says why.
        """
        return is_there(self._dsn, self._place, self.options)

    # -- life -------------------------------------------------------------------------------

    async def open(self, process: ProcessInfo) -> None:
        """Make or check the tables, and take a lease for this process."""
        if self._parts is not None:
            raise StoreError(f"{self!r} is open already")
        await self._drivers.start()
        parts = self._made(process)
        try:
            await self._call(parts.prepare)
            self._parts = parts
            await self._call(parts.start)
            await self.poll()
        except BaseException:
            self._parts = None
            with trio.CancelScope(shield=True):
                await self._take_apart(parts)
            raise

    async def close(self) -> None:
        """Commit what is finished, give back what is claimed, end the lease."""
        parts, self._parts = self._parts, None
        if parts is None:
            return
        with trio.CancelScope(shield=True):
            try:
                await parts.finishing.wait(self.options.timeout)
                await self._call(parts.settler.flush)
                await self._call(parts.access.write, parts.lease.give_up)
            finally:
                await self._take_apart(parts)

    async def reopen(self) -> None:
        """Make sure that the database can be written, and is still the same; or raise why not."""
        parts = self._open_parts()
        before = parts.schema
        await self._call(parts.look)
        if parts.schema is not None and before is not None and parts.schema != before:
            parts.schema = before
            raise StoreReplaced(
                f"store {self._place} is not the one that was opened here; put that one back, or"
                " restart the process to use this one"
            )
        parts.drivers.call_soon(parts.settler.hurry)

    def now(self) -> float:
        """Return the unix time by the database's clock."""
        return self._clock.now()

    # -- transactions -----------------------------------------------------------------------

    async def acquire(self, owner: str, *, alone: bool = False, group: int = 1) -> PostgresTurn:
        """Return a turn, its commit shared if `group` is more than 1; a connection comes later."""
        return PostgresTurn(self._parts or self._open_parts(), owner, 1 if alone else group)

    async def snapshot(self, owner: str) -> Snapshot:
        """Return a view of what is committed when it is first read."""
        return Snapshot(self._open_parts(), owner)

    # -- messages ---------------------------------------------------------------------------

    async def append(self, copies: Sequence[Outgoing]) -> int:
        """Store copies, wait for the commit, return how many were new."""
        count, ready = await self._call(self._open_parts().appender.append, copies)
        if ready:
            self._made_ready(ready)
        return count

    async def claim(self, demands: Sequence[Demand]) -> list[Claimed]:
        """Claim ready messages for each demand.

        A transaction, although it is one statement: if the answer is lost, nothing is claimed. If
        that to the commit is lost, what it may have claimed is given back. Otherwise messages could
        be this process's that it knows nothing of, for as long as it lives.
        """
        parts = self._open_parts()
        claimed: list[Claimed] = []

        async def claim(connection: Connection) -> None:
            claimed.extend(await parts.claims.claim(connection, demands))

        try:
            with trio.CancelScope(shield=True):
                await self._call(parts.access.write, claim)
        except BaseException:
            parts.settler.release(claimed, RELEASE)
            raise
        if claimed:
            self.fault_points.reach("claim committed")
        return claimed

    async def waiting_tenants(self, channel: str, *, after: str, limit: int) -> list[str]:
        """Return tenants with ready messages, from the one after `after` on."""
        return await self._read(
            lambda connection: waiting_tenants(connection, channel, after or None, limit)
        )

    async def settle(self, batch: Sequence[tuple[Claimed, Settlement]]) -> int:
        """Write the settlements; return how many were stale."""

        async def settle(connection: Connection) -> tuple[int, set[str]]:
            stale, ready = await _settle.settle_batch(connection, batch)
            return len(stale), ready

        return await self._settle(settle)

    async def _settle(self, settle: Callable[[Connection], Awaitable[tuple[int, set[str]]]]) -> int:
        parts = self._open_parts()

        async def write() -> tuple[int, set[str]]:
            return await parts.access.write(settle)

        try:
            stale, ready = await self._on_loop(write)
        except Exception as error:
            if is_outage(error, self._place) or is_anothers_doing(error):
                raise outage(error, self._place) from error
            raise SettlementRefused(f"{self!r} refuses a settlement: {error}") from error
        parts.settler.stale += stale
        self._made_ready(ready)
        return stale

    async def followers(self, claimed: Sequence[Claimed], limit: int) -> list[list[Claimed]]:
        """Return what is held behind each of these messages, of its ordering key."""
        largest = self._open_parts().process.largest_body
        return await self._read(
            lambda connection: _runs.followers(connection, claimed, limit, largest)
        )

    async def settle_runs(self, runs: Sequence[tuple[Claimed, Sequence[Claimed]]]) -> int:
        """Settle messages with their followers; return how many were stale."""
        return await self._settle(lambda connection: _runs.settle_runs(connection, runs))

    def settle_soon(
        self,
        claimed: Claimed,
        settlement: Settlement,
        on_commit: Callable[[], None],
        on_lost: Callable[[StoreUnavailable | StaleClaim], None],
    ) -> None:
        """Write the settlement with the next batch of them."""
        parts = self._parts or self._open_parts()
        parts.settler.put(QueuedSettlement(claimed, settlement, on_commit, on_lost))

    async def poll(self) -> Poll:
        """Make ready what came due, drop what expired, notice what others changed."""
        parts = self._open_parts()
        ready: set[str] = set()
        poll = await self._call(self._polling.poll, parts, ready)
        parts.drivers.call_soon(parts.settler.hurry)
        if ready:
            self._made_ready(ready)
        return poll

    def on_ready(self, callback: Callable[[frozenset[str]], None]) -> None:
        """Call back when messages were made ready here, or others said that they have made some."""
        self._listeners.append(callback)

    # -- processes --------------------------------------------------------------------------

    async def renew(self) -> bool:
        """Renew the lease; False if it had been lost."""
        parts = self._open_parts()
        return await self._call(parts.renew)

    @property
    def process_id(self) -> str:
        """The process that it was opened for."""
        return self._open_parts().process.process_id

    @property
    def lease_holds(self) -> bool:
        """Whether this process's lease has not run out."""
        parts = self._parts
        return parts is not None and parts.lease.holds

    async def take_back(self) -> int:
        """Make what expired owners had claimed ready again, as suspects."""
        owners = await self._read(self._open_parts().lease.expired_owners)
        if not owners:
            return 0
        return await self._change(lambda connection: _leases.take_back(connection, owners))

    async def publish_process(self, snapshot: str) -> None:
        """Write this process's snapshot beside its lease."""
        lease = self._open_parts().lease
        await self._write(lambda connection: lease.publish(connection, snapshot))

    async def processes(self) -> list[ProcessRow]:
        """Return all processes that have a lease row."""
        return await self._read(_leases.processes)

    async def replies(self, limit: int = 1000) -> list[StoredReply]:
        """Fetch answers for this process."""
        return await self._take_replies(self._open_parts().process.process_id, limit)

    # -- statistics -------------------------------------------------------------------------

    @property
    def stale_settlements(self) -> int:
        """How many settlements of this process came too late."""
        parts = self._open_parts()
        return parts.settler.stale + parts.finishing.stale

    def connection_statistics(self) -> dict[str, int | str | bool]:
        """Return what goes on between this process and the database, by name."""
        return self._open_parts().statistics()

    # -- inside -----------------------------------------------------------------------------

    def _open_parts(self) -> Parts:
        if self._parts is None:
            raise StoreClosed(f"{self!r} is not open")
        return self._parts

    def _made(self, process: ProcessInfo) -> Parts:
        name = f"actorbus {process.bus}"
        return Parts(
            self._drivers,
            Connections(self._dsn, self._place, self.options, name, process.lease),
            process,
            self._clock,
            fault_points=self.fault_points,
            told_ready=self._made_ready,
            heard=self._heard,
        )

    async def _take_apart(self, parts: Parts) -> None:
        try:
            await self._call(parts.stop)
        finally:
            if self._own_drivers:
                await self._drivers.stop()
            parts.settler.fail_rest(closed(self._place))

    async def _write(
        self,
        function: Callable[[Connection], Awaitable[T]],
        ready: set[str] | None = None,
    ) -> T:
        """Run our own code in a transaction, again if it loses against another one."""
        parts = self._open_parts()

        async def write() -> T:
            return await _write(parts, function)

        result = await self._call(write)
        if ready:
            self._made_ready(ready)
        return result

    async def _read(
        self, function: Callable[[Connection], Awaitable[T]], *, long: bool = False
    ) -> T:
        access = self._open_parts().access

        async def read() -> T:
            return await access.read(function, long=long)

        return await self._call(read)

    async def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run our own code on the drivers' loop. Raises StoreError, and what is no driver's."""
        try:
            return await self._on_loop(function, *args)
        except DRIVERS as error:
            raise outage(error, self._place) from error

    async def _on_loop(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        try:
            return await self._drivers.run(function, *args)
        except DriverThreadEnded as error:
            raise StoreClosed(f"{self!r} was closed") from error

    def _made_ready(self, channels: set[str]) -> None:
        """Tell this process's channels, and the other processes."""
        parts = self._parts
        if parts is not None and channels:
            parts.drivers.call_soon(parts.notifier.notify, set(channels))
            self._polling.told()
            self._tell(frozenset(channels))

    def _heard(self, channels: set[str] | None) -> None:
        """Tell this process's channels what another process said; None: there may be anything."""
        self._polling.heard()
        if channels:
            self._tell(frozenset(channels))

    def _tell(self, channels: frozenset[str]) -> None:
        for listener in self._listeners:
            listener(channels)


async def _write(parts: Parts, function: Callable[[Connection], Awaitable[T]]) -> T:
    """Run a transaction, again if it loses against another one."""
    for _ in range(_TRIES - 1):
        try:
            return await parts.access.write(function)
        except asyncpg.PostgresError as error:
            if not is_anothers_doing(error):
                raise
    return await parts.access.write(function)
