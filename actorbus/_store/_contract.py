"""The contract of a store: how it is asked."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from actorbus._fault_points import FaultPoints
from actorbus._settlement import Failed, Settlement
from actorbus._store._errors import StaleClaim, StoreUnavailable
from actorbus._store._messages import Claimed, Demand, Outgoing, Poll, Received
from actorbus._store._rows import (
    DeadLetterFilter,
    DeadLetterGroup,
    DeadLetterRow,
    ParkedFilter,
    ParkedMessages,
    ProcessInfo,
    ProcessRow,
    QueueStatistics,
    Remembered,
    ScheduleRow,
    StoredReply,
    SupervisionChange,
    SupervisionRow,
)
from actorbus._store._turns import ReadTransaction, Turn
from actorbus.consuming._pauses import Pause


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
    def fault_points(self) -> FaultPoints:
        """Where tests look in, or have the process killed; the same object while this one lives."""
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

    async def acquire(self, owner: str, *, alone: bool = False, group: int = 1) -> Turn:
        """Wait for the turn at the writer, first come, first served.

        Only a task that gives its turn up and wants another one in the same pass of the run loop
        may go before those in line. `owner` is named in errors. With `alone` it shares its commit
        with nobody; otherwise a store that commits each turn on its own may let up to `group` turns
        of one owner share a commit. If cancelled: it left the line. Does not checkpoint when the
        turn is free.
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

    async def receive(
        self, group: str, batch: Sequence[Claimed], noting: Collection[str] = ()
    ) -> Received:
        """Take messages from a broker into this process's hands, unless they are known already.

        `group` is the consumer group. How far its partitions are begun is noted; for the endpoints
        in `noting` also that each message is being handled. Waits for the commit.
        """
        ...

    async def begun(self, group: str) -> Mapping[tuple[str, int], int]:
        """Return how far other processes may have begun partitions that they did not hand over.

        By topic and partition, the offset after the last one: those before it are suspects.
        """
        ...

    async def hand_over(
        self,
        group: str,
        places: Sequence[tuple[str, int]],
        unstarted: Sequence[Claimed] = (),
        running: Sequence[Claimed] = (),
    ) -> None:
        """Note that partitions were given up in order, and what of them still runs here."""
        ...

    async def adopt(self, batch: Sequence[Claimed]) -> int:
        """Store messages that came from a broker, unless they are dealt with; return how many.

        They are ready then, for whoever claims them; those that say that they are suspects come
        one at a time. Whoever has one of them in hand is too late with its settlement.
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

    async def followers(self, claimed: Sequence[Claimed], limit: int) -> list[list[Claimed]]:
        """Return what is held behind each of these messages, of its ordering key, in order.

        At most `limit` each; nothing behind one without a key. They are not claimed, and need not
        be: until the message that they are held behind is settled, nobody else can have them.
        """
        ...

    async def settle_runs(self, runs: Sequence[tuple[Claimed, Sequence[Claimed]]]) -> int:
        """Settle messages as handled, each with the first of its followers; wait for the commit.

        Returns how many were stale: where a claim does not hold, its followers stay as well.
        Raises SettlementRefused, with nothing written, as `settle` does.
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

    async def supervision(self) -> list[SupervisionRow]:
        """Return what was set of the supervision of endpoints, by endpoint, reset ones included."""
        ...

    async def write_supervision(self, row: SupervisionRow, before: str) -> bool:
        """Set an endpoint's supervision, and note it in the history; wait for the commit.

        `before` are the settings that it replaces. Only if the stored version is the one before
        the row's (of version 1: if there is none); otherwise somebody else was first, nothing is
        stored, and it returns False.
        """
        ...

    async def supervision_changes(
        self, endpoint: str = "", *, limit: int = 100
    ) -> list[SupervisionChange]:
        """Return the history of one endpoint, or ("") of all, the newest first."""
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
