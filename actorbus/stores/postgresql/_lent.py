"""The driver's connection in a handler's hands. It lives on another loop: each call goes there."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from actorbus.stores.postgresql._connection import Row

if TYPE_CHECKING:
    from actorbus.stores.postgresql._snapshot import Snapshot
    from actorbus.stores.postgresql._turn import PostgresTurn


T = TypeVar("T")


class LentConnection:
    """An asyncpg connection inside the handler's transaction, with the methods that belong there.

    They take and return what asyncpg's do. Await them under trio; under asyncio and in plain
    handlers use the transaction's own methods. Parameters are bound: `$1`.
    """

    __slots__ = ("_turn",)

    def __init__(self, turn: "PostgresTurn | Snapshot") -> None:
        self._turn = turn

    async def execute(self, query: str, *args: Any) -> str:
        """Run a statement; return its command tag."""
        self._turn.check_statement(query)
        return await self._call(lambda connection: connection.execute(query, *args))

    async def executemany(self, command: str, args: Iterable[Sequence[Any]]) -> None:
        """Run a statement with each of these parameters."""
        self._turn.check_statement(command)
        await self._call(lambda connection: connection.executemany(command, args))

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        """Return all rows."""
        self._turn.check_statement(query)
        return await self._call(lambda connection: connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Row | None:
        """Return the first row, or None."""
        self._turn.check_statement(query)
        return await self._call(lambda connection: connection.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any, column: int = 0) -> Any:
        """Return a value of the first row, or None."""
        self._turn.check_statement(query)
        return await self._call(lambda connection: connection.fetchval(query, *args, column=column))

    async def copy_records_to_table(
        self, table_name: str, *, records: Iterable[Sequence[Any]], **options: Any
    ) -> str:
        """Copy many rows into a table."""
        return await self._call(
            lambda connection: connection.copy_records_to_table(
                table_name, records=records, **options
            )
        )

    async def _call(self, function: Callable[[Any], Awaitable[T]]) -> T:
        return await self._turn.call(function)
