"""Store copies of messages: ready or waiting, and once per deduplication key."""

import sqlite3
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, Final

from actorbus._states import State
from actorbus._store import Outgoing
from actorbus.stores.sqlite._failed import note_failed
from actorbus.stores.sqlite._queries import QUERIES

_INSERT: Final = QUERIES["insert_message"]
_REMEMBER: Final = QUERIES["remember_sent"]
_READY: Final = State.READY.value
_WAITING: Final = State.WAITING.value
_PARKED: Final = State.PARKED.value


def append(cursor: sqlite3.Cursor, copies: Sequence[Outgoing], now: float, ready: set[str]) -> int:
    """Insert those copies that are new; add to `ready` the channels that have work now."""
    fresh = [copy for copy in copies if _is_new(cursor, copy, now)]
    cursor.executemany(_INSERT, _rows(fresh, now, ready))
    for copy in fresh:
        if copy.failed is not None:
            note_failed(cursor, copy.copy_id, copy.failed)
    return len(fresh)


def _is_new(cursor: sqlite3.Cursor, copy: Outgoing, now: float) -> bool:
    key = copy.deduplication_key
    return (
        key is None
        or copy.forwarded
        or cursor.execute(_REMEMBER, (copy.endpoint, key, now)).rowcount == 1
    )


def _rows(copies: Sequence[Outgoing], now: float, ready: set[str]) -> Iterator[tuple[Any, ...]]:
    for copy in copies:
        due = _due(copy, now)
        state = _WAITING if due > now else _READY
        if copy.parked is not None:
            state = _PARKED
        elif state is _READY:
            ready.add(copy.channel)
        yield (
            state,
            copy.priority,
            due,
            None if copy.time_to_live is None else due + copy.time_to_live,
            now,
            copy.copy_id,
            copy.channel,
            copy.endpoint,
            copy.tenant,
            copy.message_id,
            copy.type_name,
            copy.content_type,
            copy.correlation_id,
            copy.causation_id,
            copy.timestamp,
            copy.deduplication_key,
            copy.on_failure,
            copy.headers,
            copy.body,
            copy.parked,
        )


def _due(copy: Outgoing, now: float) -> float:
    due = now + copy.delay if copy.deliver_at is None else copy.deliver_at
    if not isfinite(due):
        raise ValueError(f"copy {copy.copy_id!r}: due at {due!r} is not a time")
    return max(due, now)
