"""A connection to PostgreSQL, as far as our statements need one; asyncpg's fits."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Row(Protocol):
    """A row: its values in order, and by name."""

    def __iter__(self) -> Iterator[Any]:
        """Return the values in order."""
        ...

    def __getitem__(self, name: Any) -> Any:
        """Return the value of a column, by name or place."""
        ...

    def keys(self) -> Iterator[str]:
        """Return the names of the columns."""
        ...


class Connection(Protocol):
    """What runs our statements, in a transaction that is somebody else's; placeholders are `$1`."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Run a statement; return its command tag."""
        ...

    async def executemany(
        self, command: str, args: Iterable[Sequence[Any]], *, timeout: float | None = None
    ) -> None:
        """Run a statement with each of these parameters."""
        ...

    async def copy_records_to_table(
        self, table_name: str, *, records: Sequence[Any], columns: Sequence[str]
    ) -> str:
        """Store rows with COPY."""
        ...

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> Sequence[Row]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> Row | None:
        """Return the first row, or None."""
        ...

    async def fetchval(
        self, query: str, *args: Any, column: int = 0, timeout: float | None = None
    ) -> Any:
        """Return a value of the first row, or None."""
        ...


def affected(tag: str) -> int:
    """Return how many rows a statement changed, from its command tag: "DELETE 3"."""
    return int(tag.rpartition(" ")[2])
