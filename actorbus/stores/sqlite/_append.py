"""Store copies of messages: ready, waiting, held or parked; once per deduplication key."""

import sqlite3
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, Final

from actorbus._states import State
from actorbus._store import Outgoing
from actorbus.stores.sqlite import _lines
from actorbus.stores.sqlite._failed import note_failed
from actorbus.stores.sqlite._queries import QUERIES

_INSERT: Final = QUERIES["insert_message"]
_REMEMBER: Final = QUERIES["remember_sent"]
_READY: Final = State.READY.value
_WAITING: Final = State.WAITING.value
_PARKED: Final = State.PARKED.value
_HELD: Final = State.HELD.value


def append(cursor: sqlite3.Cursor, copies: Sequence[Outgoing], now: float, ready: set[str]) -> int:
    """Insert those copies that are new; add to `ready` the channels that have work now."""
    fresh = [copy for copy in copies if _is_new(cursor, copy, now)]
    if any(copy.ordering_key is not None for copy in fresh):
        _insert_in_line(cursor, fresh, now, ready)
    else:
        cursor.executemany(_INSERT, _rows(fresh, now, ready))
    for copy in fresh:
        if copy.failed is not None:
            note_failed(cursor, copy.copy_id, copy.failed)
    return len(fresh)


def _insert_in_line(
    cursor: sqlite3.Cursor, copies: Sequence[Outgoing], now: float, ready: set[str]
) -> None:
    """Insert copies one by one; those whose ordering key is taken are held."""
    taken: set[_lines.Line] = set()
    for copy, row in zip(copies, _rows(copies, now, ready), strict=True):
        if copy.ordering_key is None or row[0] is not _READY:
            cursor.execute(_INSERT, row)
            continue
        line = _lines.Line(copy.channel, copy.endpoint, copy.tenant, copy.ordering_key)
        if line in taken or _lines.is_taken(cursor, line):
            cursor.execute(_INSERT, (_HELD, *row[1:]))
        else:
            sequence = cursor.execute(_INSERT, row).lastrowid
            assert sequence is not None  # noqa: S101  a row was inserted
            _lines.take(cursor, line, sequence)
        taken.add(line)


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
            copy.ordering_key,
        )


def _due(copy: Outgoing, now: float) -> float:
    due = now + copy.delay if copy.deliver_at is None else copy.deliver_at
    if not isfinite(due):
        raise ValueError(f"copy {copy.copy_id!r}: due at {due!r} is not a time")
    return max(due, now)
