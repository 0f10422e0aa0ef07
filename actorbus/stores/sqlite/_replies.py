"""Answers to queries of other processes: left in a transaction, fetched once, forgotten in time."""

import sqlite3
from typing import Any, Final

from actorbus._store import StoredReply
from actorbus.stores.sqlite._queries import QUERIES

_INSERT: Final = QUERIES["insert_reply"]
_HAS: Final = QUERIES["has_replies"]
_TAKE: Final = QUERIES["take_replies"]
_FORGET: Final = QUERIES["forget_replies"]


def insert(cursor: sqlite3.Cursor, reply: StoredReply) -> None:
    """Leave an answer."""
    exception, text = reply.failure or (None, None)
    values = (reply.process_id, reply.query_id, reply.body, exception, text, reply.expires_at)
    cursor.execute(_INSERT, values)


def has_any(cursor: sqlite3.Cursor, process_id: str) -> bool:
    """Return whether there is an answer for a process. Reads only."""
    return cursor.execute(_HAS, (process_id,)).fetchone() is not None


def take(cursor: sqlite3.Cursor, process_id: str, limit: int) -> list[StoredReply]:
    """Fetch answers for a process, oldest first, and drop them."""
    rows = cursor.execute(_TAKE, (process_id, limit)).fetchall()
    return [_reply(row) for row in sorted(rows)]


def forget(cursor: sqlite3.Cursor, before: float) -> int:
    """Drop answers that came for nobody, since their process has ended; return how many."""
    return cursor.execute(_FORGET, (before,)).rowcount


def _reply(row: tuple[Any, ...]) -> StoredReply:
    _, process_id, query_id, body, exception, text, expires_at = row
    return StoredReply(
        process_id=process_id,
        query_id=query_id,
        body=body,
        failure=None if exception is None else (exception, text),
        expires_at=expires_at,
    )
