"""Turns that are given up: what was queued with them is written, and they are committed.

Beside each other, each on its connection; their listeners are told on the trio side. At most so
many are under way that whoever finishes another one does not run ahead of the database.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import trio

from actorbus._driver_thread import DriverThread
from actorbus._fault_points import FaultPoints
from actorbus._settlement import ACK, Settlement
from actorbus._store import (
    Claimed,
    CommitListener,
    GroupLost,
    Outgoing,
    StaleClaim,
    StoreClosed,
    StoredReply,
    StoreUnavailable,
    TransactionTooLong,
)
from actorbus.stores.postgresql import _append, _lines, _replies, _settle
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._connections import Connections
from actorbus.stores.postgresql._errors import (
    IDLE,
    as_outage,
    is_anothers_doing,
    lost_to_another,
    state_of,
    translate,
)
from actorbus.stores.postgresql._transaction import Transaction

_NEARLY: Final = 0.9
"""Of its limit: the server's clock and ours differ a little."""

_log = logging.getLogger("actorbus.store")


@dataclass(slots=True)
class Finish:
    """A turn that is given up, with what was queued."""

    tx: Transaction
    owner: str
    listener: CommitListener
    copies: Sequence[Outgoing] = ()
    replies: Sequence[StoredReply] = ()
    settlements: Sequence[tuple[Claimed, Settlement]] = ()
    ready: set[str] = field(default_factory=set)

    @property
    def is_one_handled(self) -> bool:
        """Whether nothing else is to be settled but one message of the store's, as handled."""
        return (
            len(self.settlements) == 1
            and self.settlements[0][1] is ACK
            and self.settlements[0][0].origin is None
        )

    @property
    def is_empty(self) -> bool:
        """Whether the database need not be asked."""
        return self.tx.connection is None and not (self.copies or self.replies or self.settlements)


class Finishing:
    """Commits turns in the background, at most `size` at a time."""

    def __init__(
        self,
        drivers: DriverThread,
        connections: Connections,
        fault_points: FaultPoints,
        told_ready: Callable[[set[str]], None],
        size: int,
    ) -> None:
        self._drivers = drivers
        self._place = connections.place
        self._tx_limit = connections.tx_limit
        self._fault_points = fault_points
        self._told_ready = told_ready
        self._places = trio.Semaphore(size)
        self._size = size
        self._open = 0
        self._sharing = 0
        """Finished turns whose commit waits for others: they take no place from those."""
        self._idle: trio.Event | None = None
        self.stale = 0
        """Settlements that came too late, so far."""
        self.stale_transactions = 0
        """Transactions that the server ended since their handlers did nothing in them."""

    def opened(self) -> None:
        """Count a turn that was handed out."""
        self._open += 1

    def given_up(self) -> None:
        """Count a turn that its holder has given up."""
        self._open -= 1
        self._look_whether_idle()

    async def begin(self) -> None:
        """Wait for a place. Does not checkpoint when there is one."""
        try:
            self._places.acquire_nowait()
        except trio.WouldBlock:
            await self._places.acquire()

    def finish(self, finish: Finish) -> None:
        """Write what was queued and commit; the listener is told."""
        self._sharing += finish.tx.shares
        if finish.is_empty:
            trio.lowlevel.current_trio_token().run_sync_soon(self._told, finish, None, set())
            return
        try:
            self._drivers.start_soon(self._carry_out, finish)
        except RuntimeError:
            self._give_back(finish)
            raise StoreClosed(f"store {self._place} was closed") from None

    async def wait(self, seconds: float) -> None:
        """Return when all turns are committed or lost, or after so many seconds."""
        with trio.move_on_after(seconds):
            while not self._is_idle:
                self._idle = trio.Event()
                await self._idle.wait()

    @property
    def _is_idle(self) -> bool:
        return not (self._open or self._sharing) and self._places.value == self._size

    def _look_whether_idle(self) -> None:
        if self._idle is not None and self._is_idle:
            self._idle.set()

    def _give_back(self, finish: Finish) -> None:
        """Count a turn that is over, and give back its place if it has one."""
        if finish.tx.shares:
            self._sharing -= 1
        else:
            self._places.release()

    def was_ended(self, tx: Transaction, error: BaseException) -> bool:
        """Whether the server ended a transaction since its handler did nothing for too long."""
        return state_of(error) == IDLE or tx.idle_before >= self._tx_limit * _NEARLY

    def too_long(self, owner: str) -> TransactionTooLong:
        """Count it, and return what its handler is told."""
        self.stale_transactions += 1
        return TransactionTooLong(
            f"{owner}: did nothing for more than {self._tx_limit:g} s inside its transaction"
            " (tx_limit); PostgreSQL has undone it"
        )

    # -- on the drivers' loop ---------------------------------------------------------------

    async def _carry_out(self, finish: Finish) -> None:
        error: BaseException | None = None
        ready: set[str] = set()
        try:
            ready = await finish.tx.commit(partial(self._write, finish=finish))
            self._fault_points.reach("after commit")
        except asyncio.CancelledError as cancelled:
            error = cancelled
            raise
        except Exception as failed:  # noqa: BLE001  the listener is told
            error = failed
        finally:
            self._drivers.tell(self._told, finish, error, ready)

    async def _write(self, connection: Connection, commit: str, finish: Finish) -> set[str]:
        """Write what was queued, and commit; one settlement as handled goes with the commit."""
        ready: set[str] = set()
        settlements = finish.settlements
        if finish.is_one_handled:
            claimed = settlements[0][0]
            commit = f"{_settle.acknowledge_text(claimed)}; {commit}"
            ready = set() if claimed.ordering_key is None else {claimed.channel}
            settlements = ()
        if finish.copies or finish.replies or settlements:
            ready |= await _write_queued(connection, finish, settlements)
        self._fault_points.reach("before commit")
        await connection.execute(commit)
        return ready

    # -- on the trio side -------------------------------------------------------------------

    def _told(self, finish: Finish, error: BaseException | None, ready: set[str]) -> None:
        self._give_back(finish)
        self._look_whether_idle()
        if error is None:
            tell(finish.listener.committed)
            if ready or finish.ready:
                self._told_ready(ready | finish.ready)
        else:
            tell(finish.listener.lost, self._why(finish, error))

    def _why(self, finish: Finish, error: BaseException) -> StoreUnavailable | StaleClaim:
        """Return what a lost commit means."""
        if isinstance(error, StaleClaim):
            self.stale += 1
            return error
        if state_of(error) == _settle.STALE:
            self.stale += 1
            return _stale(finish)
        if isinstance(error, asyncio.CancelledError):
            return StoreClosed(f"store {self._place} was closed")
        if is_anothers_doing(error):
            return lost_to_another(error, finish.owner)
        trouble = translate(error, self._place)
        if trouble is not None and not self.was_ended(finish.tx, error):
            return as_outage(error, self._place)
        lost = GroupLost(f"{finish.owner}: its transaction could not be committed ({error})")
        lost.__cause__ = error if trouble is None else self.too_long(finish.owner)
        return lost


async def _write_queued(
    connection: Connection, finish: Finish, settlements: Sequence[tuple[Claimed, Settlement]]
) -> set[str]:
    """Write what was queued; return the channels that have work then."""
    ready: set[str] = set()
    if finish.copies and finish.settlements:
        settled = _lines.lines_of(claimed for claimed, _ in finish.settlements)
        if settled:
            await _lines.lock(connection, settled | _lines.lines_of(finish.copies))
    if finish.copies:
        _, channels = await _append.append(connection, finish.copies)
        ready |= channels
    await _replies.insert(connection, finish.replies)
    if settlements:
        stale, channels = await _settle.settle_batch(connection, settlements)
        ready |= channels
        if stale:
            raise _stale(finish, min(stale))
    return ready


def _stale(finish: Finish, place: int = 0) -> StaleClaim:
    claimed = finish.settlements[place][0]
    return StaleClaim(
        f"{finish.owner}: copy {claimed.copy_id} was taken back, or its handler changed its row;"
        " its work here is undone"
    )


def tell(callback: Callable[..., object], *args: Any) -> None:
    """Call a listener; one that raises is logged, and keeps nobody else from being told."""
    try:
        callback(*args)
    except Exception:  # noqa: BLE001  logged, with its traceback
        _log.exception("a listener of the store's commits failed: %r", callback)
