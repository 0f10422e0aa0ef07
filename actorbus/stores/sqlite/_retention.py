"""Forget deduplication keys after their retention, from the oldest on, in small batches."""

import sqlite3
from typing import Final

from actorbus.stores.sqlite._queries import QUERIES

_BATCH: Final = 1000
_TABLES: Final = ("sent", "handled")


def purge(cursor: sqlite3.Cursor, before: float) -> int:
    """Forget a batch of keys that were noted before that time; return how many."""
    return sum(_purge(cursor, table, before) for table in _TABLES)


def _purge(cursor: sqlite3.Cursor, table: str, before: float) -> int:
    """Delete from the head of the table up to the first key that is still to be kept."""
    rows = cursor.execute(QUERIES[f"oldest_{table}"], (_BATCH,)).fetchall()
    last = None
    for number, noted_at in rows:
        if noted_at >= before:
            break
        last = number
    if last is None:
        return 0
    return cursor.execute(QUERIES[f"forget_{table}"], (last,)).rowcount
