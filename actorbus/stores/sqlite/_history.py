"""The history of a message's failed attempts."""

import sqlite3
from typing import Final

from actorbus._settlement import Failure
from actorbus.stores.sqlite._queries import QUERIES

_ADD: Final = QUERIES["add_failure"]
_DELETE: Final = QUERIES["delete_failures"]


def add_failure(cursor: sqlite3.Cursor, copy_id: str, failure: Failure) -> None:
    """Add an attempt to a message's history."""
    cursor.execute(_ADD, (copy_id, failure.attempt, failure.at, *words_of(failure)))


def failures(cursor: sqlite3.Cursor, copy_id: str) -> tuple[Failure, ...]:
    """Return the failed attempts of a message, oldest first."""
    rows = cursor.execute(QUERIES["failures"], (copy_id,)).fetchall()
    return tuple(Failure(*row) for row in rows)


def delete_history(cursor: sqlite3.Cursor, copy_id: str) -> None:
    """Drop the failed attempts of a message."""
    cursor.execute(_DELETE, (copy_id,))


def words_of(failure: Failure | None) -> tuple[str | None, str | None, str | None]:
    """Return the type, the text and the traceback of a failure, as they can be written."""
    if failure is None:
        return None, None, None
    return storable(failure.exception), storable(failure.message), storable(failure.traceback)


def storable(text: str) -> str:
    """Return text that can be written as UTF-8: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
