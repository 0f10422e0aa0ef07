"""The SQLite store: one file, one writer, any number of processes on one host."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Final, TypeVar

import trio

from actorbus._fault_points import FaultPoints
from actorbus._settlement import Settlement
from actorbus._store import (
    Claimed,
    Demand,
    GroupLost,
    Migration,
    Outgoing,
    Poll,
    ProcessInfo,
    ProcessRow,
    Received,
    SettlementRefused,
    StaleClaim,
    Store,
    StoreClosed,
    StoredReply,
    StoreError,
    StoreMissing,
    StoreRefused,
    StoreUnavailable,
    Tables,
)
from actorbus.consuming._pauses import Pause
from actorbus.stores.sqlite import (
    _adopt,
    _append,
    _due,
    _leases,
    _pauses,
    _replies,
    _runs,
    _settle,
    _tables,
)
from actorbus.stores.sqlite._claims import Claims
from actorbus.stores.sqlite._clock import RunClock, StoreClock, SystemClock
from actorbus.stores.sqlite._database import Database
from actorbus.stores.sqlite._group import Commit, QueuedSettlement
from actorbus.stores.sqlite._keeper import LeaseKeeper
from actorbus.stores.sqlite._memory import MemoryFolder
from actorbus.stores.sqlite._operations import Operations
from actorbus.stores.sqlite._options import SqliteOptions
from actorbus.stores.sqlite._snapshot import Readers, Snapshot
from actorbus.stores.sqlite._tenants import waiting_tenants
from actorbus.stores.sqlite._turn import SqliteTurn
from actorbus.stores.sqlite._writer import Writer

T = TypeVar("T")

_OWNER = "the store itself"
_MOST_INLINE = 512
"""Tenants that are looked for on the event loop's thread, 1 to 3 us each."""


class SqliteStore(Operations):
    """See `actorbus._store.Store`.

    `path` is that of the database file; it is made if its folder exists. Without a path the
    database is private to this object, gone when it is closed, and ruled by the trio run's clock:
    for tests. It then lies in a temporary folder that is never synced, so that snapshots are as
    isolated as those of a file.
    """

    def __init__(
        self,
        path: str | Path | None,
        options: SqliteOptions | None = None,
        clock: StoreClock | None = None,
    ) -> None:
        super().__init__(options or SqliteOptions())
        self._path = None if path is None else str(Path(path).absolute())
        self._clock: StoreClock = clock or (RunClock() if path is None else SystemClock())
        self.fault_points: Final = FaultPoints()
        self._folder = MemoryFolder()
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._parts: _Parts | None = None

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path or ':memory:'}>"

    def beside(self) -> "SqliteStore":
        """Return another store on the same data, for another bus.

        In memory both are to be used in one trio run; the data is there while one of them is open.
        """
        store = SqliteStore(self._path, self.options, self._clock)
        store._folder = self._folder
        return store

    @property
    def path(self) -> str | None:
        """Where the file is; None for a store in memory."""
        return self._path

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it too."""
        return self._path is not None

    def has_data_of(self, other: Store) -> bool:
        """Whether both are open on one file."""
        file = self.open_file
        return file is not None and isinstance(other, SqliteStore) and file == other.open_file

    @property
    def open_file(self) -> tuple[int, int] | None:
        """Device and inode of the file while it is open."""
        return None if self._parts is None else self._parts.database.inode

    # -- life -------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether the file is there; a store in memory always is."""
        return self._path is None or Path(self._path).exists()

    async def open(self, process: ProcessInfo) -> None:
        """Make or check the tables, and take a lease for this process."""
        if self._parts is not None:
            raise StoreError(f"{self!r} is open already")
        parts = self._make_parts(process)
        try:
            await parts.writer.start()
        except BaseException:
            self._leave_folder()
            raise
        self._parts = parts
        try:
            await self._write(parts.lease.register)
        except BaseException:
            self._parts = None
            await self._take_apart(parts)
            raise
        parts.lease.committed()

    async def close(self) -> None:
        """Commit what is finished, give back what is claimed, end the lease."""
        parts, self._parts = self._parts, None
        if parts is None:
            return
        parts.keeper.stop()
        parts.writer.hurry()
        with trio.CancelScope(shield=True):
            try:
                await parts.give_up()
            finally:
                await self._take_apart(parts)

    async def reopen(self) -> None:
        """Make sure that the database can be written, or raise why not."""
        turn = await self._open_parts().writer.acquire(_OWNER, alone=True)
        await turn.rollback()

    def now(self) -> float:
        """Return the unix time by the store's clock."""
        return self._clock.wall()

    # -- tables -----------------------------------------------------------------------------

    async def tables(self) -> Tables:
        """Say what lies in the file. Changes nothing."""
        path = self._shared_path()
        return await trio.to_thread.run_sync(_tables.tables, path)

    async def migrate(self) -> Migration:
        """Make the tables, or bring them to this version."""
        path = self._shared_path()
        return await trio.to_thread.run_sync(
            _tables.migrate, path, self.now(), self.options.lock_timeout
        )

    def _shared_path(self) -> str:
        if self._path is None:
            raise StoreRefused("store :memory: is made anew at each start: it has nothing to keep")
        return self._path

    # -- transactions -----------------------------------------------------------------------

    async def acquire(self, owner: str, *, alone: bool = False, group: int = 1) -> SqliteTurn:
        """Wait for the turn at the writer. All turns share commits, whatever `group` says."""
        parts = self._parts or self._open_parts()
        return await parts.writer.acquire(owner, alone=alone)

    async def snapshot(self, owner: str) -> Snapshot:
        """Return a view of what is committed now."""
        readers = self._open_parts().readers
        try:
            session = await readers.take()
        except StoreMissing:
            await self.reopen()  # it may be back, as another file
            session = await readers.take()
        try:
            return Snapshot(readers, session, owner)
        except BaseException:
            readers.give_back(session, broken=True)
            raise

    # -- messages ---------------------------------------------------------------------------

    async def append(self, copies: Sequence[Outgoing]) -> int:
        """Store copies, wait for the commit, return how many were new."""
        ready: set[str] = set()
        return await self._write(
            lambda cursor: _append.append(cursor, copies, self.now(), ready), ready
        )

    async def claim(self, demands: Sequence[Demand]) -> list[Claimed]:
        """Claim ready messages for each demand."""
        claims = self._open_parts().claims
        found = await self._write(lambda cursor: claims.claim(cursor, demands, self.now()))
        if found:
            self.fault_points.reach("claim committed")
        return found

    async def receive(
        self, group: str, batch: Sequence[Claimed], noting: Collection[str] = ()
    ) -> Received:
        """Take messages from a broker into this process's hands."""
        lease, now = self._open_parts().lease, self.now()
        return await self._write(
            lambda cursor: _adopt.receive(cursor, lease, group, batch, noting=noting, now=now)
        )

    async def begun(self, group: str) -> Mapping[tuple[str, int], int]:
        """Return how far others may have begun partitions that they did not hand over."""
        mine = self._open_parts().lease.process.process_id
        return await self._read(lambda cursor: _adopt.begun(cursor, group, mine))

    async def hand_over(
        self,
        group: str,
        places: Sequence[tuple[str, int]],
        unstarted: Sequence[Claimed] = (),
        running: Sequence[Claimed] = (),
    ) -> None:
        """Note that partitions were given up in order, and what of them still runs here."""
        mine, now = self._open_parts().lease.process.process_id, self.now()
        await self._write(
            lambda cursor: _adopt.hand_over(
                cursor, mine, group, places, unstarted=unstarted, running=running, now=now
            )
        )

    async def adopt(self, batch: Sequence[Claimed]) -> int:
        """Store messages that came from a broker; return how many were new."""
        ready: set[str] = set()
        now = self.now()
        return await self._write(lambda cursor: _adopt.adopt(cursor, batch, now, ready), ready)

    async def waiting_tenants(self, channel: str, *, after: str, limit: int) -> list[str]:
        """Return tenants with ready messages, from the one after `after` on."""
        return await self._read(
            lambda cursor: waiting_tenants(cursor, channel, after or None, limit),
            long=limit > _MOST_INLINE,
        )

    async def settle(self, batch: Sequence[tuple[Claimed, Settlement]]) -> int:
        """Write the settlements; return how many were stale."""
        return await self._settle(partial(_settle.settle_batch, batch=batch))

    async def _settle(self, settle: Callable[..., int]) -> int:
        ready: set[str] = set()
        now = self.now()
        try:
            stale = await self._write(lambda cursor: settle(cursor, now=now, ready=ready), ready)
        except sqlite3.Error as error:
            raise SettlementRefused(f"{self!r} refuses a settlement: {error}") from error
        self._open_parts().writer.stale += stale
        return stale

    async def followers(self, claimed: Sequence[Claimed], limit: int) -> list[list[Claimed]]:
        """Return what is held behind each of these messages, of its ordering key."""
        largest = self._open_parts().lease.process.largest_body
        return await self._read(
            lambda cursor: _runs.followers(cursor, claimed, limit, largest), long=True
        )

    async def settle_runs(self, runs: Sequence[tuple[Claimed, Sequence[Claimed]]]) -> int:
        """Settle messages with their followers; return how many were stale."""
        return await self._settle(partial(_runs.settle_runs, runs=runs))

    def settle_soon(
        self,
        claimed: Claimed,
        settlement: Settlement,
        on_commit: Callable[[], None],
        on_lost: Callable[[StoreUnavailable | StaleClaim], None],
    ) -> None:
        """Write the settlement with the next commit."""
        queued = QueuedSettlement(claimed, settlement, on_commit, on_lost)
        self._open_parts().writer.settle_soon(queued)

    async def poll(self) -> Poll:
        """Make ready what came due, drop what expired, notice what others changed."""
        writer = self._open_parts().writer
        writer.stir()
        due, now = await self._read(_due.next_due), self.now()
        promoted: set[str] = set()
        expired = 0
        while due.first is not None and due.first <= now:
            dropped, due = await self._write(
                lambda cursor: _due.advance(cursor, now, promoted), promoted
            )
            expired += dropped
        pauses = await self._pauses() if due.any_paused else ()
        changed = writer.take_changed() or bool(promoted)
        return Poll(changed, due.first, expired, pauses, due.supervised)

    async def _pauses(self) -> tuple[Pause, ...]:
        """Return the pauses that hold, and delete those whose time is over."""
        pauses = await self._read(lambda cursor: _pauses.pauses(cursor, -inf))
        now = self.now()
        holding = tuple(pause for pause in pauses if pause.until is None or pause.until > now)
        if len(holding) < len(pauses):
            await self._write(lambda cursor: _pauses.end_pauses(cursor, now))
        return holding

    def on_ready(self, callback: Callable[[frozenset[str]], None]) -> None:
        """Call back after a commit of this process made messages ready."""
        self._listeners.append(callback)

    # -- processes --------------------------------------------------------------------------

    async def renew(self) -> bool:
        """Renew the lease; False if it had been lost."""
        parts = self._open_parts()
        kept = await self._write(parts.lease.renew)
        parts.lease.committed()
        if self.is_shared:
            parts.keeper.renewed()
        return kept

    @property
    def lease_holds(self) -> bool:
        """Whether this process's lease has not run out."""
        parts = self._parts
        return parts is not None and parts.lease.holds

    async def take_back(self) -> int:
        """Make what expired owners had claimed ready again, as suspects."""
        lease = self._open_parts().lease
        if not await self._read(lease.expired_owners):
            return 0
        ready: set[str] = set()
        return await self._write(lambda cursor: lease.take_back(cursor, ready), ready)

    async def publish_process(self, snapshot: str) -> None:
        """Write this process's snapshot beside its lease."""
        lease = self._open_parts().lease
        await self._write(lambda cursor: lease.publish(cursor, snapshot))

    async def processes(self) -> list[ProcessRow]:
        """Return all processes that have a lease row."""
        return await self._read(lambda cursor: _leases.processes(cursor, self._clock))

    async def replies(self, limit: int = 1000) -> list[StoredReply]:
        """Fetch answers for this process. It writes only if there are any."""
        mine = self._open_parts().lease.process.process_id
        if not await self._read(lambda cursor: _replies.has_any(cursor, mine)):
            return []
        return await self._write(lambda cursor: _replies.take(cursor, mine, limit))

    @property
    def stale_settlements(self) -> int:
        """How many settlements of this process came too late."""
        return self._open_parts().writer.stale

    # -- inside -----------------------------------------------------------------------------

    def _open_parts(self) -> "_Parts":
        if self._parts is None:
            raise StoreClosed(f"{self!r} is not open")
        return self._parts

    async def _write(
        self, function: Callable[[sqlite3.Cursor], T], ready: set[str] | None = None
    ) -> T:
        return await self._open_parts().write(function, ready)

    async def _read(self, function: Callable[[sqlite3.Cursor], T], *, long: bool = False) -> T:
        readers = self._open_parts().readers
        try:
            return await readers.read(function, long=long)
        except StoreMissing:
            await self.reopen()  # it may be back, as another file
        return await readers.read(function, long=long)

    def _tell_ready(self, channels: frozenset[str]) -> None:
        for listener in self._listeners:
            listener(channels)

    def _make_parts(self, process: ProcessInfo) -> "_Parts":
        inline = self._path is None
        path = self._path or self._folder.enter()
        options = replace(self.options, synchronous="OFF") if inline else self.options
        database = Database(path, options, self._clock.wall)
        lease = _leases.Lease(process, self._clock)
        return _Parts(
            database,
            Writer(
                database,
                options,
                self.now,
                inline=inline,
                told_ready=self._tell_ready,
                fault_points=self.fault_points,
            ),
            Readers(database, options, inline=inline),
            Claims(lease),
            lease,
            LeaseKeeper(lease, database),
        )

    async def _take_apart(self, parts: "_Parts") -> None:
        with trio.CancelScope(shield=True):
            await parts.writer.stop()
        parts.readers.close()
        self._leave_folder()

    def _leave_folder(self) -> None:
        if self._path is None:
            self._folder.leave()


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an open store is made of."""

    database: Database
    writer: Writer
    readers: Readers
    claims: Claims
    lease: _leases.Lease
    keeper: LeaseKeeper

    async def write(
        self, function: Callable[[sqlite3.Cursor], T], ready: set[str] | None = None
    ) -> T:
        """Run our own code in a turn, wait for its commit. Not cancelled once it has the turn.

        Again, alone, if a handler's statement took the group with it.
        """
        try:
            return await self._write(function, ready, alone=False)
        except GroupLost:
            return await self._write(function, ready, alone=True)

    async def _write(
        self, function: Callable[[sqlite3.Cursor], T], ready: set[str] | None, *, alone: bool
    ) -> T:
        turn = await self.writer.acquire(_OWNER, alone=alone)
        commit = Commit()
        try:
            result = turn.run(function)
            if ready:
                turn.made_ready(ready)
            await turn.finish(commit)
        except BaseException:
            await turn.rollback()
            raise
        with trio.CancelScope(shield=True):
            await commit.wait()
        return result

    async def give_up(self) -> None:
        """Write the settlements that are queued, then release the rest and end the lease."""
        await self.write(lambda _: None)
        await self.write(self.lease.give_up)
