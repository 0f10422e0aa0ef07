"""The contract of a store: what it keeps, how it is asked, how it fails.

A store holds messages, dead letters, leases and the memory of what was seen before, in one database
with the users' own tables. `stores/` has its kinds; `actorbus.testing.StoreContract` is the suite
that each of them passes. Everything here is called on the trio side.

Errors, by what to do about them; StoreError is an ActorBusError:

    StoreError
      StoreUnavailable          an outage: nothing is lost, try again later
        StoreLocked             another program holds the writer's lock
        StoreFull               no room left on the disk
        StoreReadOnly           the file or its folder cannot be written
        StoreMissing            the file, or its folder, is not there (any more)
        StoreReplaced           another store has taken the place of the one that was opened
        StoreClosed             not open yet, or closed
        GroupLost               another transaction of the same commit took yours with it
      StoreRefused              this file will not do; someone has to look at it
        SchemaTooNew            written by a newer version
        SchemaTooOld            written by a version that this one cannot migrate
        NotAStore               not a database, or not of the kind expected
        StoreCorrupt            the database is damaged
      StatementRefused          yours: a statement that a handler's transaction may not use
      TransactionTooLong        yours: held the writer for longer than `tx_limit`
      TurnEnded                 yours: used after its end
      StaleClaim                the message was taken back and belongs to someone else now
      SettlementRefused         the database refuses this settlement, and no others
      DeadLetterNotFound        no dead letter has this copy id
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from actorbus._errors import ActorBusError
from actorbus._settlement import Failed, Failure, Settlement
from actorbus.consuming._pauses import Pause

Parameters = Sequence[Any] | Mapping[str, Any]


# ------------------------------------------------------------------------------------------ errors


class StoreError(ActorBusError):
    """Base class of everything that a store raises."""


class StoreUnavailable(StoreError):
    """An outage of the store: nothing was lost, the same call may succeed later."""


class StoreLocked(StoreUnavailable):
    """Another program held the writer's lock for longer than `lock_timeout`."""


class StoreFull(StoreUnavailable):
    """No room left on the disk, or the database reached its maximal size."""


class StoreReadOnly(StoreUnavailable):
    """The database file, or the folder it is in, cannot be written."""


class StoreMissing(StoreUnavailable):
    """The database file is not there.

    Raised when its folder does not exist, and when a file that was open was moved or deleted. A
    missing file is never replaced by an empty one: the store goes on when it is back.
    """


class StoreReplaced(StoreUnavailable):
    """Another store lies where the one that this process had opened was."""


class StoreClosed(StoreUnavailable):
    """The store is not open: `open()` was not called yet, or `close()` was."""


class GroupLost(StoreUnavailable):
    """Another transaction of the same group commit took this one with it.

    Run it again, alone; it does not count as an attempt. `__cause__` is the other one's error.
    """


class StoreRefused(StoreError):
    """This database will not do, and trying again does not help."""


class SchemaTooNew(StoreRefused):
    """The tables were made by a newer version of actorbus. The file was left as it was."""


class SchemaTooOld(StoreRefused):
    """The tables were made by a version from which there is no migration."""


class NotAStore(StoreRefused):
    """The file is not a database, or its tables are not what their version says."""


class StoreCorrupt(StoreRefused):
    """The database reports that it is damaged."""


class StatementRefused(StoreError):
    """Yours: a statement that may not run inside a handler's transaction.

    The bus opens and ends transactions; a handler may not BEGIN, COMMIT, ROLLBACK, ATTACH or change
    settings. `tx.savepoint()` undoes a part; raising an exception undoes all. The statement was not
    run, the transaction goes on.
    """


class TransactionTooLong(StoreError):
    """Yours: the one writer was held for longer than `tx_limit`, so this transaction was undone.

    Raised by the first call after it happened. Do slow work before the first `tx` call, or make the
    handler smaller.
    """


class TurnEnded(StoreError):
    """Yours: a transaction was used after it had been finished or rolled back."""


class StaleClaim(StoreError):
    """The claim no longer holds: its lease ran out and the message was taken back."""


class SettlementRefused(StoreError):
    """The database works, but not for this settlement: a trigger, a limit, a changed table.

    `__cause__` is the driver's error. Nothing of the batch was written.
    """


class DeadLetterNotFound(StoreError):
    """There is no dead letter with this copy id."""


# ---------------------------------------------------------------------------------------- messages


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One copy of a message, for one endpoint, on its way into the store.

    Make a changed one with `msgspec.structs.replace(copy, tenant="acme")`.
    """

    copy_id: str
    channel: str
    endpoint: str
    tenant: str = ""
    """"" is no tenant."""
    message_id: str
    type_name: str
    content_type: str
    headers: str
    """The user's headers as JSON text."""
    body: bytes
    correlation_id: str
    causation_id: str | None = None
    timestamp: float
    """Unix time at which the message was made."""
    priority: int = 0
    """Higher goes first."""
    delay: float = 0.0
    """Seconds until it is due; `deliver_at` wins."""
    deliver_at: float | None = None
    """Unix time at which it is due."""
    time_to_live: float | None = None
    """Seconds, from the time it is due, after which no handler starts on it."""
    deduplication_key: str | None = None
    """With it, a copy for the same endpoint that was sent before is not stored again."""
    on_failure: str | None = None
    """What its gateway says about failures, as JSON text; see `_failure_policy`."""
    failed: Failed | None = None
    """It has failed in a synchronous handler already, and is for an error channel."""
    forwarded: bool = False
    """It comes from another channel: its deduplication key was noted when it was sent."""
    ordering_key: str | None = None
    """Of one endpoint's copies with the same key one at a time is ready, in order of sending."""
    parked: str | None = None
    """Why it is held back: it is stored as parked, with this reason, until it is let go on."""


class Claimed(msgspec.Struct, frozen=True):
    """A message in this process's hands, until it is settled or the lease runs out."""

    sequence: int
    """Place in the order of sending; never used twice."""
    epoch: int
    """Fencing token: grows whenever the message changes hands."""
    attempts: int
    """Handler starts before this one. The next start is number `attempts + 1`."""
    suspect: bool
    """True if a process ended uncleanly while it had this message; its start is counted already."""
    replays: int
    """How often it came back from the dead letters."""
    priority: int
    due_at: float
    expires_at: float | None
    """Unix time after which no handler may start on it."""
    enqueued_at: float
    copy_id: str
    channel: str
    endpoint: str
    tenant: str
    message_id: str
    type_name: str
    content_type: str
    correlation_id: str
    causation_id: str | None
    timestamp: float
    deduplication_key: str | None
    on_failure: str | None
    """What its gateway says about failures, as JSON text; see `_failure_policy`."""
    headers: str
    body: bytes
    handled: bool = False
    """Its endpoint has handled this deduplication key already: it is not to be started."""
    ordering_key: str | None = None
    """While it is claimed, no other message of its endpoint with this key is."""
    unread_bytes: int = 0
    """The length of a body that is larger than this process wants to read; `body` is empty then."""


class Demand(NamedTuple):
    """What a channel can take now: up to `credit` messages, for these endpoints."""

    channel: str
    endpoint_ids: tuple[str, ...]
    tenant: str | None
    """"" is no tenant, None is any: those that wait take turns, after the one last served."""
    credit: int


class Poll(NamedTuple):
    """What `Store.poll` noticed."""

    changed: bool
    """Messages came due here, or another process committed something since the last poll."""
    next_due: float | None
    """Unix time (`Store.now`) at which the next waiting message comes due or expires."""
    expired: int = 0
    """Messages whose time to live ran out now."""
    pauses: tuple[Pause, ...] = ()
    """What is paused now."""


# -------------------------------------------------------------------------------------- operations


class ProcessInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who opens the store."""

    process_id: str
    """Unique for each start of each process."""
    bus: str
    host: str
    pid: int
    lease: float = 10.0
    """Seconds for which a lease holds after its last renewal."""
    largest_body: int = 2_147_483_647
    """Bytes. Of a larger body, which others may have sent, a claim reads only the length."""


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A process as the others see it."""

    process_id: str
    bus: str
    host: str
    pid: int
    started_at: float
    renewed_at: float
    """Unix time of the last renewal."""
    alive: bool
    """Its lease holds."""
    snapshot: str | None
    """What it published of itself (JSON), for `actorbus tree`."""
    snapshot_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """How much lies in the queue of one endpoint (of one tenant) on one channel."""

    channel: str
    endpoint: str
    tenant: str
    ready: int = 0
    waiting: int = 0
    claimed: int = 0
    held: int = 0
    """Behind another message of their ordering key."""
    parked: int = 0
    """Until someone lets them go on; also those held behind a dead letter."""
    dead: int = 0
    expired: int = 0
    """Since the store was made."""
    oldest_enqueued_at: float | None = None
    """Unix time; of those that are not dead."""


class ParkedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which parked messages are meant: those that match everything that is given."""

    channel: str | None = None
    tenant: str | None = None
    endpoint: str | None = None
    reason: str | None = None


class ParkedMessages(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one queue that are held back for the same reason."""

    channel: str
    tenant: str
    endpoint: str
    reason: str
    count: int
    oldest_enqueued_at: float
    """Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The deduplication keys that a store remembers."""

    sent: int
    """Noted when a message was sent."""
    handled: int
    """Noted when a message was handled, or sent through a gateway that deduplicates."""
    oldest_at: float | None
    """Unix time at which the oldest of them was noted."""
    forgotten: int
    """By this process since it started, after their retention."""


class DeadLetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter with what is needed to understand and to replay it."""

    number: int
    """Place in the order of their deaths: the `after` of the next page."""
    copy_id: str
    channel: str
    endpoint: str
    tenant: str
    message_id: str
    type_name: str
    content_type: str
    headers: str
    body: bytes
    """Empty in lists, unless they were asked for with bodies."""
    body_bytes: int
    """The length of the body as it is stored."""
    correlation_id: str
    causation_id: str | None
    timestamp: float
    priority: int
    enqueued_at: float
    died_at: float
    reason: str
    exception: str | None
    """Of the last attempt, as are the next two."""
    exception_message: str | None
    traceback: str | None
    attempts: int
    replays: int
    deduplication_key: str | None
    ordering_key: str | None = None
    failures: tuple[Failure, ...] = ()
    """All failed attempts, oldest first; filled by `dead_letter(copy_id)`, empty in lists."""


class StoredReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a query, on its way to the process that asked. Exactly one of two is set."""

    process_id: str
    """Who asked."""
    query_id: str
    body: bytes | None = None
    """The answer, encoded."""
    failure: tuple[str, str] | None = None
    """Type and text of the handler's exception."""
    expires_at: float
    """Unix time; nobody waits for it any more after that."""


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of a schedule: when it ticks next, and when it did. Unix times."""

    name: str
    definition: str
    """When it ticks, in words; another text means another plan."""
    channel: str
    anchor: float
    """From here an interval counts."""
    next_at: float
    """The planned time of the next tick."""
    fires_at: float
    """The same with its jitter: the tick is sent then."""
    ticks: int = 0
    """How many were sent."""
    last_at: float | None = None
    """The planned time of the last tick."""
    last_fired_at: float | None = None
    last_fired_by: str | None = None
    """The process that sent it: host and pid."""
    paused: bool = False
    version: int = 1
    """Grows by one with each change; see `Store.write_schedule`."""


class DeadLetterGroup(msgspec.Struct, frozen=True):
    """How many dead letters are alike, and the times at which the first and the last died."""

    channel: str
    endpoint: str
    type_name: str
    reason: str
    exception: str | None
    count: int
    oldest: float
    newest: float


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: those that match everything that is given."""

    copy_ids: tuple[str, ...] | None = None
    channel: str | None = None
    endpoint: str | None = None
    tenant: str | None = None
    type_name: str | None = None
    message_id: str | None = None
    reason: str | None = None
    exception: str | None = None
    """Qualified name of the last exception's type."""
    died_after: float | None = None
    died_before: float | None = None
    up_to: int | None = None
    """The `number` of the last one that is meant: what dies later is not."""


# ------------------------------------------------------------------------------------ transactions


class Result(NamedTuple):
    """What a statement that returns no rows did."""

    rowcount: int
    lastrowid: int | None


class Row(Protocol):
    """A row of a result: by position and by name, and as the sequence of its values."""

    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, key: int | str) -> Any: ...
    def __len__(self) -> int: ...
    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""
        ...


class CommitListener(Protocol):
    """Told, on the trio side and exactly once, what became of a commit. Must not raise."""

    def committed(self) -> None:
        """Say that it is durable."""
        ...

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Say that nothing of it is there.

        A turn was undone with its group, through no fault of its own. A queued settlement can
        also have come too late: StaleClaim.
        """
        ...


class Savepoint(AbstractAsyncContextManager[None], Protocol):
    """A part of a transaction that is undone alone if its block raises."""


class ReadTransaction(AbstractAsyncContextManager["ReadTransaction"], Protocol):
    """Reads from one moment's state, whatever is committed meanwhile; never waits to write."""

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows. `$1` is the first parameter."""
        ...

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        ...

    @property
    def connection(self) -> Any:
        """The driver's own connection, for reading."""
        ...


class Turn(Protocol):
    """A transaction in its group commit: its statements are never mixed with another's.

    It is given up by `finish` or `rollback`, once. Statements that are quick do not checkpoint.
    A statement's error (of the driver) leaves the turn usable, unless it says StoreUnavailable.
    """

    async def execute(self, sql: str, parameters: Parameters = ()) -> Result:
        """Run a statement. `$1` is the first parameter (the driver's own style works too).

        Raises the driver's errors; StatementRefused, TransactionTooLong, TurnEnded,
        StoreUnavailable.
        """
        ...

    async def executemany(self, sql: str, parameters: Iterable[Parameters]) -> Result:
        """Run a statement once for each of `parameters`."""
        ...

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows."""
        ...

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        ...

    def savepoint(self) -> Savepoint:
        """Return a block that is undone alone if it raises."""
        ...

    @property
    def connection(self) -> Any:
        """The driver's own connection. It refuses to commit or roll back."""
        ...

    async def append(self, copies: Sequence[Outgoing]) -> int:
        """Store copies with this transaction; return how many were new."""
        ...

    async def remember(self, endpoint: str, key: str) -> bool:
        """Note that `endpoint` handles `key` in this transaction; False if it did before."""
        ...

    async def reply(self, reply: StoredReply) -> None:
        """Leave an answer for the process that asked, with this transaction."""
        ...

    async def settle(self, claimed: Claimed, settlement: Settlement) -> None:
        """Write the settlement with this transaction. Raises StaleClaim: then roll back."""
        ...

    async def acknowledge(self, batch: Sequence[Claimed]) -> None:
        """Settle all of them as handled, with this transaction.

        Raises StaleClaim if one of them was taken back: then roll back.
        """
        ...

    async def finish(self, listener: CommitListener) -> None:
        """Give up the turn; its work is committed soon, and `listener` is told.

        Returns before the commit. If it raises, the turn is undone and `listener` is not called.
        """
        ...

    async def rollback(self) -> None:
        """Undo this turn only and give it up. Harmless after the end; works when cancelled."""
        ...


# ------------------------------------------------------------------------------------------- store


@runtime_checkable
class Store(Protocol):
    """Messages, dead letters, leases and transactions in one database.

    Any method may raise StoreUnavailable; the store heals itself when the cause is gone, and the
    same call then succeeds. What waits for its commit is complete or undone, never half-done.
    """

    async def open(self, process: ProcessInfo) -> None:
        """Make or check the tables, and take a lease for this process.

        Raises StoreLocked, StoreMissing, StoreReadOnly, SchemaTooNew, SchemaTooOld, NotAStore.
        """
        ...

    async def close(self) -> None:
        """Commit what is finished, give back what is claimed, end the lease. Safe to repeat."""
        ...

    def exists(self) -> bool:
        """Whether the store is there already; if not, `open` makes it."""
        ...

    async def reopen(self) -> None:
        """Make sure that the database can be written, connecting anew if need be, or raise why."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use the same data: then it is polled more often."""
        ...

    def has_data_of(self, other: "Store") -> bool:
        """Whether both are open on the same data, so that one transaction serves both."""
        ...

    def now(self) -> float:
        """Return the unix time by the store's clock."""
        ...

    async def acquire(self, owner: str, *, alone: bool = False) -> Turn:
        """Wait for the turn at the writer, first come, first served.

        Only a task that gives its turn up and wants another one in the same pass of the run loop
        may go before those in line. `owner` is named in errors. With `alone` it shares its commit
        with nobody. If cancelled: it left the line. Does not checkpoint when the turn is free.
        """
        ...

    async def snapshot(self, owner: str) -> ReadTransaction:
        """Return a view of what is committed now; never waits for the writer."""
        ...

    async def append(self, copies: Sequence[Outgoing]) -> int:
        """Store copies, wait for the commit, return how many were new.

        If cancelled: stored or not, all together.
        """
        ...

    async def claim(self, demands: Sequence[Demand]) -> list[Claimed]:
        """Claim ready messages for each demand, by priority, due time and sequence.

        Suspects come one at a time per process, with their start already counted. Nothing is
        claimed once the lease was lost, until it is renewed. Waits for the commit. If cancelled
        while it waits for the turn: nothing is claimed. Cancelled later it still returns what it
        claimed, for the caller to release.
        """
        ...

    async def waiting_tenants(self, channel: str, *, after: str, limit: int) -> list[str]:
        """Return up to `limit` tenants with ready messages, in order from `after` on, wrapping."""
        ...

    async def settle(self, batch: Sequence[tuple[Claimed, Settlement]]) -> int:
        """Write the settlements, wait for the commit, return how many were stale (no-ops).

        Raises SettlementRefused, with nothing written, when the database works but refuses them.
        """
        ...

    def settle_soon(
        self,
        claimed: Claimed,
        settlement: Settlement,
        on_commit: Callable[[], None],
        on_lost: Callable[[StoreUnavailable | StaleClaim], None],
    ) -> None:
        """Write the settlement with the next commit; one of the two is called then, not before.

        One that came too late is counted, and a no-op: `on_lost` gets StaleClaim.
        """
        ...

    async def poll(self) -> Poll:
        """Make ready what came due, drop what expired, notice pauses and what others changed."""
        ...

    def on_ready(self, callback: Callable[[frozenset[str]], None]) -> None:
        """Call back with channel names after a commit of this process made messages ready."""
        ...

    async def renew(self) -> bool:
        """Renew the lease; False if it had been lost meanwhile (and was taken anew).

        Then all that was claimed before has been taken back, and belongs to others. Once this was
        called, a store that others share keeps the lease by itself while the event loop is late.
        """
        ...

    @property
    def lease_holds(self) -> bool:
        """Whether the lease has not run out, by this process's clock.

        While it does not hold others may take back what this process has, so nothing of it is
        to be started. Cheap: it is asked for each message.
        """
        ...

    async def take_back(self) -> int:
        """Make what expired owners had claimed ready again, as suspects; return how many."""
        ...

    async def statistics(self) -> list[QueueStatistics]:
        """Count what lies in each queue."""
        ...

    async def publish_process(self, snapshot: str) -> None:
        """Write this process's JSON snapshot beside its lease."""
        ...

    async def processes(self) -> list[ProcessRow]:
        """Return all processes that have a lease row."""
        ...

    async def dead_letters(
        self, matching: DeadLetterFilter, *, limit: int = 100, after: int = 0, bodies: bool = True
    ) -> list[DeadLetterRow]:
        """Return dead letters, oldest first, from those whose number is above `after`."""
        ...

    async def dead_letter_groups(
        self, matching: DeadLetterFilter, *, limit: int = 1000
    ) -> list[DeadLetterGroup]:
        """Count those that match, by channel, endpoint, type, reason and exception."""
        ...

    async def newest_dead_letter(self) -> int:
        """Return the number of the one that died last, 0 if there is none."""
        ...

    async def failed_message(self, copy_id: str) -> Failed | None:
        """Return where a message comes from that an error channel has, with its history."""
        ...

    async def count_dead_letters(self, matching: DeadLetterFilter) -> int:
        """Count the dead letters that match."""
        ...

    async def dead_letter(self, copy_id: str) -> DeadLetterRow:
        """Return one with its history. Raises DeadLetterNotFound."""
        ...

    async def replay(self, matching: DeadLetterFilter, *, limit: int | None = None) -> int:
        """Send dead letters, the oldest `limit`, to their endpoints again; return how many."""
        ...

    async def delete_dead_letters(self, matching: DeadLetterFilter) -> int:
        """Delete dead letters and their histories; return how many."""
        ...

    async def edit_dead_letter(
        self, copy_id: str, *, body: bytes | None = None, headers: str | None = None
    ) -> None:
        """Replace the body or headers of a dead letter. Raises DeadLetterNotFound."""
        ...

    async def replies(self, limit: int = 1000) -> list[StoredReply]:
        """Fetch up to `limit` answers for this process, oldest first; each is returned once."""
        ...

    async def pause(self, pause: Pause) -> None:
        """Note a pause, for all processes; it takes the place of one of the same name."""
        ...

    async def resume(self, channel: str, endpoint: str = "") -> bool:
        """End the pause of this name; False if none holds."""
        ...

    async def pauses(self) -> list[Pause]:
        """Return what is paused now, by channel and endpoint."""
        ...

    async def parked(self, matching: ParkedFilter) -> list[ParkedMessages]:
        """Return what is held back, in order of channel, tenant, endpoint and reason."""
        ...

    async def ready_endpoints(self, channel: str) -> list[str]:
        """Return the endpoints that have ready messages on a channel, each once, in no order."""
        ...

    async def park(self, channel: str, endpoint: str, reason: str) -> int:
        """Hold back an endpoint's ready messages, its tenants' all; return how many.

        Claimed ones and those that are not due yet stay as they are.
        """
        ...

    async def unpark(
        self, matching: ParkedFilter, *, channel: str | None = None, tenant: str | None = None
    ) -> int:
        """Let parked messages go on, as they are or on another channel or tenant; return how many.

        Those that are not due yet wait for their time.
        """
        ...

    async def tenants(self, channel: str, *, limit: int) -> list[str]:
        """Return up to `limit` tenants that have messages on a channel, in whatever state."""
        ...

    async def schedules(self) -> list[ScheduleRow]:
        """Return all schedules that were planned here, declared still or not, by name."""
        ...

    async def write_schedule(self, row: ScheduleRow, ticks: Sequence[Outgoing] = ()) -> bool:
        """Write a schedule and store its ticks, in one transaction; wait for the commit.

        Only if the stored version is the one before the row's (of version 1: if there is none);
        otherwise somebody else was first, nothing is stored, and it returns False.
        """
        ...

    async def delete_schedule(self, name: str) -> bool:
        """Forget a schedule; False if there was none."""
        ...

    @property
    def retention(self) -> float:
        """How long deduplication keys are remembered, in seconds, unless a purge says otherwise."""
        ...

    async def remembered(self) -> Remembered:
        """Count the deduplication keys that are remembered."""
        ...

    async def purge(self, keep: float | None = None) -> int:
        """Forget deduplication keys that are older than `keep` seconds; return how many.

        Without it those that are older than the store's own retention.
        """
        ...

    def __repr__(self) -> str:
        """Name the place of the data."""
        ...
