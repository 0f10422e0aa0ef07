"""A turn: a handler's transaction as the bus sees it, on the trio side.

Rules:
 1. A turn waits for nobody: it takes a connection with its first statement, BEGIN goes before it.
 2. What the bus writes with it (messages, answers, its settlement) is queued, and carried out
    with the commit; the listener hears if the settlement came too late.
 3. A statement that fails aborts the transaction, as PostgreSQL has it, up to the savepoint around
    it; a turn that is aborted cannot finish.
 4. One that loses against another transaction (deadlock, lock timeout) is GroupLost: run it again.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import trio

from actorbus._settlement import ACK, Settlement
from actorbus._store import (
    Claimed,
    CommitListener,
    GroupLost,
    Outgoing,
    Parameters,
    Result,
    Row,
    StatementRefused,
    StoredReply,
    TransactionTooLong,
    TurnEnded,
)
from actorbus.stores.postgresql import _adopt, _append, _once
from actorbus.stores.postgresql._errors import (
    CANCELLED,
    is_anothers_doing,
    lost_to_another,
    state_of,
    translate,
)
from actorbus.stores.postgresql._finishing import Finish
from actorbus.stores.postgresql._lent import LentConnection
from actorbus.stores.postgresql._transaction import Transaction

if TYPE_CHECKING:
    from actorbus.stores.postgresql._parts import Parts

T = TypeVar("T")

_OVER = TurnEnded()  # stands for the usual end: an error with its text is made when it is raised


class PostgresTurn:
    """See `actorbus._store.Turn`."""

    __slots__ = (
        "_aborted_by",
        "_acknowledged",
        "_copies",
        "_depth",
        "_error",
        "_parts",
        "_ready",
        "_replies",
        "_tx",
        "owner",
    )

    def __init__(self, parts: "Parts", owner: str, group: int = 1) -> None:
        self.owner = owner
        self._parts = parts
        if group == 1:
            self._tx = Transaction(parts.access, parts.access.connections.begin)
        else:
            self._tx = parts.groups.member(owner, group)
        self._depth = 0
        """How many savepoints are open."""
        self._aborted_by: Exception | None = None
        self._error: Exception | None = None
        """Why it can no longer be used."""
        self._copies: list[Outgoing] | None = None
        self._replies: list[StoredReply] | None = None
        self._acknowledged: list[tuple[Claimed, Settlement]] | None = None
        self._ready: set[str] | None = None
        parts.finishing.opened()

    # -- a handler's statements -------------------------------------------------------------

    async def execute(self, sql: str, parameters: Parameters = ()) -> Result:
        """Run a statement."""
        self.check_statement(sql, parameters)
        tag = await self.run(self._tx.execute, sql, parameters)
        return Result(_affected(tag), None)

    async def executemany(self, sql: str, parameters: Iterable[Parameters]) -> Result:
        """Run a statement once for each of `parameters`; the row count is not known."""
        rows = list(parameters)
        self.check_statement(sql, rows[0] if rows else ())
        await self.run(self._tx.executemany, sql, rows)
        return Result(-1, None)

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows."""
        self.check_statement(sql, parameters)
        return await self.run(self._tx.fetch, sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        rows = await self.fetch(sql, parameters)
        return rows[0] if rows else None

    def savepoint(self) -> "PostgresSavepoint":
        """Return a block that is undone alone if it raises."""
        return PostgresSavepoint(self)

    @property
    def connection(self) -> LentConnection:
        """The driver's connection, as far as handlers may use it: it lives on another loop."""
        self.check()
        return LentConnection(self)

    async def call(self, function: Callable[[Any], Awaitable[T]]) -> T:
        """Call a function with the driver's connection, on the drivers' loop."""
        return await self.run(self._tx.call, function)

    async def open_savepoint(self) -> None:
        """Open a savepoint inside those that are open."""
        self.check()
        await self.run(self._tx.execute, f"SAVEPOINT actorbus_{self._depth + 1}", ())
        self._depth += 1

    async def leave_savepoint(self, *, keep: bool) -> None:
        """Keep or undo what the innermost savepoint covers. An ended turn has undone it already."""
        if not keep and self._error is not None:
            return
        self.check()
        name = f"actorbus_{self._depth}"
        undo = "" if keep else f"ROLLBACK TO SAVEPOINT {name}; "
        await self.run(self._tx.execute, f"{undo}RELEASE SAVEPOINT {name}", ())
        self._depth -= 1
        if not keep:
            self._aborted_by = None

    # -- the bus's statements ---------------------------------------------------------------

    async def append(self, copies: Sequence[Outgoing]) -> int:
        """Store copies with this transaction."""
        self.check()
        if not self._depth and all(copy.deduplication_key is None for copy in copies):
            if self._copies is None:
                self._copies = []
            self._copies.extend(copies)
            return len(copies)
        count, ready = await self.call(lambda connection: _append.append(connection, copies))
        self._ready = (self._ready or set()) | ready
        return count

    async def remember(self, endpoint: str, key: str) -> bool:
        """Note that `endpoint` handles `key` in this transaction; False if it did before.

        Waits for another transaction that notes the same.
        """
        self.check()
        return await self.call(lambda connection: _once.remember(connection, endpoint, key))

    async def note(self, claimed: Claimed) -> bool:
        """Note that this process handles a broker's message in this transaction."""
        self.check()
        return await self.call(lambda connection: _adopt.note_running(connection, claimed))

    async def reply(self, reply: StoredReply) -> None:
        """Leave an answer for the process that asked."""
        self.check()
        if self._replies is None:
            self._replies = []
        self._replies.append(reply)

    async def settle(self, claimed: Claimed, settlement: Settlement) -> None:
        """Write the settlement with this transaction, when it is committed."""
        self.check()
        if self._acknowledged is None:
            self._acknowledged = []
        self._acknowledged.append((claimed, settlement))

    async def acknowledge(self, batch: Sequence[Claimed]) -> None:
        """Write with this transaction that all of them are handled, when it is committed."""
        for claimed in batch:
            await self.settle(claimed, ACK)

    # -- its end ----------------------------------------------------------------------------

    async def finish(self, listener: CommitListener) -> None:
        """Give up the turn; `listener` hears when it is committed or lost."""
        self.check()
        if self._aborted_by is not None:
            raise self._undone(self._aborted_by)
        if not self._tx.shares:
            await self._parts.finishing.begin()
        self._parts.finishing.finish(
            Finish(
                self._tx,
                self.owner,
                listener,
                copies=self._copies or (),
                replies=self._replies or (),
                settlements=self._acknowledged or (),
                ready=self._ready or set(),
            )
        )
        self._end()

    async def rollback(self) -> None:
        """Undo this turn and give it up."""
        if self._error is _OVER:
            return
        self._end()
        with trio.CancelScope(shield=True):
            try:
                await self._parts.drivers.run(self._tx.rollback)
            except Exception as error:
                if translate(error, self._parts.place) is None:
                    raise
                # the server undoes it with the connection

    def check(self) -> None:
        """Raise why the turn can no longer be used, if so."""
        if self._error is _OVER:
            raise TurnEnded(f"{self.owner}: this transaction is over")
        if self._error is not None:
            raise self._error

    def check_statement(self, sql: str, parameters: Parameters = ()) -> None:
        """Raise StatementRefused, or why the turn can no longer be used."""
        self.check()
        check_statement(self._parts, self.owner, sql, parameters)

    async def run(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run one step on the drivers' loop. Raises what its error means for the handler."""
        try:
            return await self._parts.drivers.run(function, *args)
        except Exception as error:  # noqa: BLE001  each is raised, some by other names
            self._raise(error)
        except BaseException:
            self._error = self._error or TurnEnded(f"{self.owner}: a statement was cancelled")
            raise

    # -- inside -----------------------------------------------------------------------------

    def _end(self) -> None:
        self._error = _OVER
        self._parts.finishing.given_up()

    def _raise(self, error: Exception) -> NoReturn:
        """Raise what a failed statement means for its handler."""
        if isinstance(error, GroupLost):
            self._error = error
            raise error
        state = state_of(error)
        if state == CANCELLED:
            limit = self._parts.options.statement_timeout
            self._aborted_by = error
            raise TransactionTooLong(
                f"{self.owner}: a statement ran for more than {limit:g} s (statement_timeout)"
            ) from error
        if is_anothers_doing(error):
            self._error = lost_to_another(error, self.owner)
            raise self._error
        trouble = translate(error, self._parts.place)
        if trouble is None:
            self._aborted_by = self._aborted_by or error
            raise error
        if self._parts.finishing.was_ended(self._tx, error):
            trouble = self._parts.finishing.too_long(self.owner)
        self._error = trouble
        raise trouble from error

    def _undone(self, error: Exception) -> TurnEnded:
        ended = TurnEnded(
            f"{self.owner}: a statement failed, so that PostgreSQL undoes the whole transaction"
            f" ({error}); put what may fail into tx.savepoint()"
        )
        ended.__cause__ = error
        return ended


class PostgresSavepoint(AbstractAsyncContextManager[None]):
    """A part of a turn that is undone alone if its block raises."""

    __slots__ = ("_turn",)

    def __init__(self, turn: PostgresTurn) -> None:
        self._turn = turn

    async def __aenter__(self) -> None:
        await self._turn.open_savepoint()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._turn.leave_savepoint(keep=error is None)


def check_statement(parts: "Parts", owner: str, sql: str, parameters: Parameters) -> None:
    """Raise StatementRefused for what may not run inside a transaction of the bus's."""
    reason = parts.guard.refuses(sql)
    if reason is not None:
        raise StatementRefused(f"{owner}: {reason}")
    if isinstance(parameters, Mapping):
        raise StatementRefused(f"{owner}: PostgreSQL's parameters are a sequence, for $1, $2, ...")


def _affected(tag: str) -> int:
    """Return how many rows a command tag tells of, -1 if it tells of none."""
    count = tag.rpartition(" ")[2]
    return int(count) if count.isdigit() else -1
