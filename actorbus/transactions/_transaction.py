"""The handler's transaction, as handlers see it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from actorbus._calls import Answer, Worlds
from actorbus._errors import TransactionError
from actorbus.transactions._savepoints import Part, current_part
from actorbus.transactions._unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from actorbus._store import Result, Row


class Transaction:
    """The store's transaction of the message being handled; injected by its annotation.

    It begins with the first call, or else when the handler is done, and commits with the
    message's settlement and everything that was sent. If the handler raises, nothing of it
    remains. Placeholders are `$1`, `$2`, ... on every store. Under trio and asyncio the calls are
    awaited; in a plain `def` handler a call has been carried out when it returns, and `.get()`
    gives its result. A query handler's transaction reads a snapshot and refuses to write.

    Holding the store's writer for longer than its `tx_limit` (1 s) undoes this handler's work:
    make slow calls before the first statement, not between two.
    """

    __slots__ = ("_unit_of_work", "_worlds")

    def __init__(self, worlds: Worlds, unit_of_work: UnitOfWork) -> None:
        self._worlds = worlds
        self._unit_of_work = unit_of_work

    def execute(self, sql: str, *parameters: Any) -> "Answer[Result]":
        """Run a statement; the result has `rowcount` and `lastrowid`."""
        unit = self._unit_of_work
        return self._worlds.call(unit, _execute, unit, sql, parameters)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> "Answer[Result]":
        """Run a statement once per row of parameters."""
        unit = self._unit_of_work
        return self._worlds.call(unit, _executemany, unit, sql, rows)

    def fetch(self, sql: str, *parameters: Any) -> "Answer[list[Row]]":
        """Return all rows of a query."""
        unit = self._unit_of_work
        return self._worlds.call(unit, _fetch, unit, sql, parameters)

    def fetch_one(self, sql: str, *parameters: Any) -> "Answer[Row | None]":
        """Return the first row of a query, or None."""
        unit = self._unit_of_work
        return self._worlds.call(unit, _fetch_one, unit, sql, parameters)

    def savepoint(self) -> "Savepoint":
        """Undo what is written and sent inside if it raises: `async with`, or `with` on threads.

        Meanwhile the transaction is that of the tasks inside: the one that opened it, and those
        that it starts inside. Another task of the handler gets TransactionError from every call.
        """
        return Savepoint(self._worlds, self._unit_of_work)

    def after_commit(self, function: Callable[[], Any]) -> None:
        """Call the function once the transaction has committed; never if it does not.

        Plain functions run on a worker thread, async ones on the trio side, in the order given,
        after the handler's reply may have been seen. An error of theirs is logged.
        """
        self._unit_of_work.after_commit(function)

    @property
    def connection(self) -> Any:
        """The driver's connection, inside this transaction; after the first statement only.

        What is done with it must end before the handler does, and neither commit nor roll back.
        """
        return self._unit_of_work.connection


class Savepoint:
    """A part of a transaction that can fail alone."""

    __slots__ = ("_part", "_unit_of_work", "_worlds")

    def __init__(self, worlds: Worlds, unit_of_work: UnitOfWork) -> None:
        self._worlds = worlds
        self._unit_of_work = unit_of_work
        self._part: Part | None = None

    async def __aenter__(self) -> None:
        part = self._made()
        await self._worlds.call(self._unit_of_work, part.begin)
        current_part.set(part)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        part = self._left()
        await self._worlds.call(self._unit_of_work, part.end, error)

    def __enter__(self) -> None:
        part = self._made()
        self._worlds.call(self._unit_of_work, part.begin).get()
        current_part.set(part)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        part = self._left()
        self._worlds.call(self._unit_of_work, part.end, error).get()

    def _made(self) -> Part:
        if self._part is not None:
            raise TransactionError("a savepoint is entered once; make another one")
        self._part = Part(self._unit_of_work)
        return self._part

    def _left(self) -> Part:
        if self._part is None:
            raise TransactionError("this savepoint was not entered")
        current_part.set(self._part.enclosing)
        return self._part


async def _execute(unit: UnitOfWork, sql: str, parameters: tuple[Any, ...]) -> "Result":
    return await (await unit.turn()).execute(sql, parameters)


async def _executemany(unit: UnitOfWork, sql: str, rows: Sequence[Sequence[Any]]) -> "Result":
    return await (await unit.turn()).executemany(sql, rows)


async def _fetch(unit: UnitOfWork, sql: str, parameters: tuple[Any, ...]) -> "list[Row]":
    return await (await unit.reader()).fetch(sql, parameters)


async def _fetch_one(unit: UnitOfWork, sql: str, parameters: tuple[Any, ...]) -> "Row | None":
    return await (await unit.reader()).fetch_one(sql, parameters)
