"""Answers to queries: left for the process that asked, fetched once, forgotten in time."""

from collections.abc import Sequence
from typing import Final

from actorbus._store import StoredReply
from actorbus.stores.postgresql._connection import Connection, Row, affected
from actorbus.stores.postgresql._history import columns, storable
from actorbus.stores.postgresql._queries import QUERIES

BATCH: Final = 1000
"""How many are forgotten in one transaction."""
_INSERT: Final = QUERIES["insert_replies"]
_TAKE: Final = QUERIES["take_replies"]
_FORGET: Final = QUERIES["forget_replies"]


async def insert(connection: Connection, replies: Sequence[StoredReply]) -> None:
    """Leave answers, in this order."""
    if replies:
        await connection.execute(_INSERT, *columns([_values(reply) for reply in replies]))


async def take(connection: Connection, process_id: str, limit: int) -> list[StoredReply]:
    """Fetch answers for a process, oldest first, and drop them. Writes nothing if there is none."""
    return [_reply(row) for row in await connection.fetch(_TAKE, process_id, limit)]


async def forget(connection: Connection) -> int:
    """Drop some answers that came for nobody, since their process has ended; return how many."""
    return affected(await connection.execute(_FORGET, BATCH))


def _values(reply: StoredReply) -> tuple[object, ...]:
    words = (None, None) if reply.failure is None else map(storable, reply.failure)
    return (reply.process_id, reply.query_id, reply.body, *words, reply.expires_at)


def _reply(row: Row) -> StoredReply:
    process_id, query_id, body, exception, text, expires_at = row
    return StoredReply(
        process_id=process_id,
        query_id=query_id,
        body=body,
        failure=None if exception is None else (exception, text),
        expires_at=expires_at,
    )
