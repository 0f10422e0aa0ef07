"""The history of messages' failed attempts."""

from collections.abc import Collection, Sequence
from typing import Final

from actorbus._settlement import Failure
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

_ADD: Final = QUERIES["add_failures"]
_DELETE: Final = QUERIES["delete_failures"]
_FAILURES: Final = QUERIES["failures"]


async def add_failures(
    connection: Connection, failures: Sequence[tuple[str, Failure | None]]
) -> None:
    """Add attempts to the histories of messages, by copy id, in this order; None is skipped."""
    rows = [
        (copy_id, failure.attempt, failure.at, *words_of(failure))
        for copy_id, failure in failures
        if failure is not None
    ]
    if rows:
        await connection.execute(_ADD, *columns(rows))


async def failures(connection: Connection, copy_id: str) -> tuple[Failure, ...]:
    """Return the failed attempts of a message, oldest first."""
    return tuple(Failure(*row) for row in await connection.fetch(_FAILURES, copy_id))


async def delete_histories(connection: Connection, copy_ids: Collection[str]) -> None:
    """Drop the failed attempts of messages."""
    await connection.execute(_DELETE, list(copy_ids))


def words_of(failure: Failure | None) -> tuple[str | None, str | None, str | None]:
    """Return the type, the text and the traceback of a failure, as they can be written."""
    if failure is None:
        return None, None, None
    return storable(failure.exception), storable(failure.message), storable(failure.traceback)


def storable(text: str) -> str:
    r"""Return text that PostgreSQL takes: lone surrogates become escapes, and so does \x00."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", r"\x00")


def columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Return the values of each column, as `unnest` takes them. There has to be a row."""
    return [list(column) for column in zip(*rows, strict=True)]
