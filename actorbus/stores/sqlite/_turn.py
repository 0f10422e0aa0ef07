"""A turn at the writer: one savepoint in the group's transaction."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import trio

from actorbus._settlement import Settlement
from actorbus._store import (
    Claimed,
    CommitListener,
    GroupLost,
    Outgoing,
    Parameters,
    Result,
    Row,
    StaleClaim,
    StatementRefused,
    StoredReply,
    StoreUnavailable,
    TransactionTooLong,
    TurnEnded,
)
from actorbus.stores.sqlite import _adopt, _append, _replies, _settle
from actorbus.stores.sqlite._errors import code, translate, was_refused
from actorbus.stores.sqlite._group import Group
from actorbus.stores.sqlite._guard import NOT_ASKED
from actorbus.stores.sqlite._queries import QUERIES
from actorbus.stores.sqlite._session import Session

if TYPE_CHECKING:
    from actorbus.stores.sqlite._writer import Writer

T = TypeVar("T")

_REMEMBER = QUERIES["remember_handled"]
_OVER = TurnEnded()  # stands for the usual end: an error with its text is made when it is raised


class SqliteTurn:
    """See `actorbus._store.Turn`. Made by the writer, which opened its savepoint."""

    __slots__ = (
        "_depth",
        "_error",
        "_group",
        "_quiet",
        "_ready",
        "_session",
        "_writer",
        "on_thread",
        "owner",
        "since",
    )

    def __init__(self, writer: "Writer", session: Session, group: Group, owner: str) -> None:
        self.owner = owner
        self.since: float | None = None
        """When it was first seen to be held by a task that waits for something."""
        self.on_thread = 0
        """How many of its statements run on the store's thread, or wait for it."""
        self._quiet: trio.Event | None = None
        self._writer = writer
        self._session = session
        self._group = group
        self._ready: set[str] | None = None
        self._depth = 1
        """How many savepoints are open: its own, and those that its holder asked for."""
        self._error: Exception | None = None
        """Why it can no longer be used."""

    # -- a handler's statements -------------------------------------------------------------

    async def execute(self, sql: str, parameters: Parameters = ()) -> Result:
        """Run a statement."""
        session = self._session
        if self._error is None and sql not in session.slow:
            try:
                return session.execute(sql, parameters, self._writer.options.tx_limit)
            except sqlite3.Error as error:
                self._raise(error)
        return await self._on_thread(session.execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Parameters]) -> Result:
        """Run a statement for each of `parameters`, on the store's thread."""
        return await self._on_thread(self._session.executemany, sql, list(parameters))

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows."""
        session = self._session
        self.check()
        if sql not in session.slow:
            try:
                return session.fetch(sql, parameters, self._inline_limit(sql))
            except sqlite3.Error as error:
                if not self._may_run_again(error, sql):
                    self._raise(error)
        return await self._on_thread(session.fetch, sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        rows = await self.fetch(sql, parameters)
        return rows[0] if rows else None

    def savepoint(self) -> "SqliteSavepoint":
        """Return a block that is undone alone if it raises."""
        return SqliteSavepoint(self)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the sqlite3 module. It refuses to commit or roll back.

        What is set on it, a row factory for instance, holds until this turn is given up.
        """
        self.check()
        return self._session.lend()

    def open_savepoint(self) -> None:
        """Open a savepoint inside those that are open."""
        self._mark(self._session.savepoint)
        self._depth += 1

    async def leave_savepoint(self, *, keep: bool) -> None:
        """Keep or undo what the innermost savepoint covers. An ended turn has undone it already."""
        await self._until_quiet()
        if not keep and self._error is not None:
            return
        self._mark(self._session.release if keep else self._session.undo)
        self._depth -= 1

    # -- the bus's statements ---------------------------------------------------------------

    async def append(self, copies: Sequence[Outgoing]) -> int:
        """Store copies with this transaction."""
        ready: set[str] = set()
        count = self.run(lambda cursor: _append.append(cursor, copies, self._writer.now(), ready))
        self.made_ready(ready)
        return count

    async def remember(self, endpoint: str, key: str) -> bool:
        """Note that `endpoint` handles `key` in this transaction; False if it did before."""
        now = self._writer.now()
        return self.run(
            lambda cursor: cursor.execute(_REMEMBER, (endpoint, key, now)).rowcount == 1
        )

    async def note(self, claimed: Claimed) -> bool:
        """Note that this process handles a broker's message in this transaction."""
        now = self._writer.now()
        return self.run(lambda cursor: _adopt.note_running(cursor, claimed, now))

    async def reply(self, reply: StoredReply) -> None:
        """Leave an answer for the process that asked."""
        self.run(lambda cursor: _replies.insert(cursor, reply))

    async def settle(self, claimed: Claimed, settlement: Settlement) -> None:
        """Write the settlement with this transaction."""
        self.check()
        session = self._session
        session.unlimited()
        try:
            now = self._writer.now()
            valid = _settle.settle(session.cursor, claimed, settlement, now, self._group.ready)
        except sqlite3.Error as error:
            self._raise(error)
        if not valid:
            self._writer.stale += 1
            raise StaleClaim(
                f"{self.owner}: copy {claimed.copy_id} was taken back, or its handler changed its"
                " row; its work here is undone"
            )

    async def acknowledge(self, batch: Sequence[Claimed]) -> None:
        """Write with this transaction that all of them are handled."""
        now, ready = self._writer.now(), self._group.ready
        if not self.run(lambda cursor: _settle.acknowledge(cursor, batch, now, ready)):
            self._writer.stale += 1
            raise StaleClaim(
                f"{self.owner}: a copy of its batch was taken back; its work here is undone"
            )

    def run(self, function: Callable[[sqlite3.Cursor], T]) -> T:
        """Call the store's own code with the cursor of this turn."""
        self.check()
        self._session.unlimited()
        try:
            return function(self._session.cursor)
        except sqlite3.Error as error:
            self._raise(error)

    def _mark(self, function: Callable[[], None]) -> None:
        """Begin or end a savepoint; what its holder has set on the connection stays."""
        self.check()
        try:
            function()
        except sqlite3.Error as error:
            self._raise(error)

    def made_ready(self, channels: set[str]) -> None:
        """Note channels that have work when this turn is committed."""
        if self._ready is None:
            self._ready = set(channels)
        else:
            self._ready |= channels

    # -- its end ----------------------------------------------------------------------------

    async def finish(self, listener: CommitListener) -> None:
        """Give up the turn; `listener` hears when it is committed or lost."""
        self.check()
        if self.on_thread:
            await self._until_quiet()
            self.check()
        try:
            self._session.returned()
            for _ in range(self._depth):
                self._session.release()
        except sqlite3.Error as error:
            self._raise(error)
        group = self._group
        group.members.append(listener)
        if self._ready:
            group.ready |= self._ready
        self._end()

    async def rollback(self) -> None:
        """Undo this turn only and give it up."""
        if self.on_thread:
            await self._until_quiet()
        if self._error is not None:
            return
        try:
            self._undo()
        except sqlite3.Error as error:
            self._lose_group(error)
        else:
            self._end()

    def expire(self) -> None:
        """Undo this turn because it was held for too long; its holder hears at its next call."""
        error = self._too_long()
        try:
            self._undo()
        except sqlite3.Error as undoing:
            self._lose_group(undoing)
            self._error = error
        else:
            self._end(error)

    def lost(self, error: StoreUnavailable) -> None:
        """Note that it was undone with its group; its holder hears at its next call."""
        self._error = error

    def check(self) -> None:
        """Raise why the turn can no longer be used, if so."""
        if self._error is _OVER:
            raise TurnEnded(f"{self.owner}: this transaction is over")
        if self._error is not None:
            raise self._error

    # -- inside -----------------------------------------------------------------------------

    def _end(self, error: Exception | None = None) -> None:
        self._error = error or _OVER
        self._writer.end_turn(self)

    def _undo(self) -> None:
        """Undo all of it, with the savepoints that its holder has not left."""
        self._session.returned()
        for _ in range(self._depth):
            self._session.undo()

    def _inline_limit(self, sql: str) -> float:
        options = self._writer.options
        return options.inline_limit if _only_reads(sql) else options.tx_limit

    def _may_run_again(self, error: sqlite3.Error, sql: str) -> bool:
        interrupted = code(error) == sqlite3.SQLITE_INTERRUPT
        return interrupted and _only_reads(sql) and self._session.in_transaction

    async def _on_thread(self, function: Callable[..., T], sql: str, parameters: Any) -> T:
        self.check()
        limit = self._writer.options.tx_limit
        self.on_thread += 1
        try:
            return await self._writer.on_thread(lambda: function(sql, parameters, limit))
        except sqlite3.Error as error:
            self._raise(error)
        finally:
            self.on_thread -= 1
            if self._quiet is not None and not self.on_thread:
                self._quiet.set()

    async def _until_quiet(self) -> None:
        """Wait for statements that outlive their handler: what they write belongs to this turn."""
        while self.on_thread:
            self._quiet = trio.Event()
            await self._quiet.wait()

    def _raise(self, error: sqlite3.Error) -> NoReturn:
        """Raise what a failed statement means for its handler."""
        if was_refused(error):
            reason = self._session.guard.refused or NOT_ASKED
            raise StatementRefused(f"{self.owner}: {reason}") from error
        if code(error) == sqlite3.SQLITE_INTERRUPT:
            self._interrupted(error)
        trouble = translate(error, self._writer.path)
        if trouble is not None or not self._session.in_transaction:
            self._lose_group(error)
        if trouble is not None:
            raise trouble from error
        raise error

    def _interrupted(self, error: sqlite3.Error) -> NoReturn:
        if self._session.in_transaction:
            self.expire()
        else:
            self._lose_group(error)
            self._error = self._too_long()
        raise self._too_long() from error

    def _lose_group(self, error: sqlite3.Error) -> None:
        self._error = TurnEnded(f"{self.owner}: this transaction was undone ({error})")
        trouble = translate(error, self._writer.path)
        if not isinstance(trouble, StoreUnavailable):
            trouble = GroupLost(f"a transaction of {self.owner} undid its group commit")
            trouble.__cause__ = error
        self._writer.lose_group(self, trouble, error)

    def _too_long(self) -> TransactionTooLong:
        limit = self._writer.options.tx_limit
        return TransactionTooLong(
            f"{self.owner}: held the store's writer for more than {limit:g} s (tx_limit);"
            " its transaction was undone"
        )


class SqliteSavepoint(AbstractAsyncContextManager[None]):
    """A part of a turn that is undone alone if its block raises."""

    __slots__ = ("_turn",)

    def __init__(self, turn: SqliteTurn) -> None:
        self._turn = turn

    async def __aenter__(self) -> None:
        self._turn.open_savepoint()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._turn.leave_savepoint(keep=error is None)


def _only_reads(sql: str) -> bool:
    return sql.lstrip()[:6].upper() == "SELECT"
