"""A view of one moment's state, for query handlers: REPEATABLE READ, READ ONLY."""

from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import trio

from actorbus._store import (
    Parameters,
    Row,
    StatementRefused,
    StoreReadOnly,
    TransactionTooLong,
    TurnEnded,
)
from actorbus.stores.postgresql._errors import CANCELLED, state_of, translate
from actorbus.stores.postgresql._lent import LentConnection
from actorbus.stores.postgresql._transaction import Transaction
from actorbus.stores.postgresql._turn import check_statement

if TYPE_CHECKING:
    from actorbus.stores.postgresql._parts import Parts

T = TypeVar("T")


class Snapshot:
    """See `actorbus._store.ReadTransaction`. Its moment is that of its first statement."""

    def __init__(self, parts: "Parts", owner: str) -> None:
        self._parts = parts
        self._owner = owner
        self._tx: Transaction | None = Transaction(
            parts.access, parts.access.connections.begin_reading
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tx, self._tx = self._tx, None
        if tx is None:
            return
        with trio.CancelScope(shield=True):
            try:
                await self._parts.drivers.run(tx.rollback)
            except Exception as failed:
                if translate(failed, self._parts.place) is None:
                    raise
                # it has read, and nothing is to be undone

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows."""
        self.check_statement(sql, parameters)
        tx = self._open()
        return await self._run(lambda: tx.fetch(sql, tuple(parameters)))

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        rows = await self.fetch(sql, parameters)
        return rows[0] if rows else None

    @property
    def connection(self) -> LentConnection:
        """The driver's connection, which refuses to write."""
        self._open()
        return LentConnection(self)

    async def call(self, function: Callable[[Any], Awaitable[T]]) -> T:
        """Call a function with the driver's connection, on the drivers' loop."""
        tx = self._open()
        return await self._run(lambda: tx.call(function))

    def check_statement(self, sql: str, parameters: Parameters = ()) -> None:
        """Raise StatementRefused."""
        check_statement(self._parts, self._owner, sql, parameters)

    def _open(self) -> Transaction:
        if self._tx is None:
            raise TurnEnded(f"{self._owner}: this transaction is over")
        return self._tx

    async def _run(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await self._parts.drivers.run(function)
        except Exception as error:
            state = state_of(error)
            if state == CANCELLED:
                limit = self._parts.options.statement_timeout
                raise TransactionTooLong(
                    f"{self._owner}: a statement ran for more than {limit:g} s (statement_timeout)"
                ) from error
            trouble = translate(error, self._parts.place)
            if isinstance(trouble, StoreReadOnly):
                raise StatementRefused(f"{self._owner}: a query handler only reads") from error
            if trouble is not None:
                raise trouble from error
            raise
