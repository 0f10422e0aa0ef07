"""Store copies of messages: ready, waiting, held or parked; once per deduplication key."""

import sqlite3
from collections.abc import Sequence
from itertools import groupby
from math import isfinite
from typing import Any, Final

from actorbus._states import State
from actorbus._store import Outgoing
from actorbus.stores.sqlite import _lines
from actorbus.stores.sqlite._failed import note_failed
from actorbus.stores.sqlite._queries import QUERIES

_INSERT: Final = QUERIES["insert_message"]
_INSERT_PLAIN: Final = QUERIES["insert_plain_message"]
_REMEMBER: Final = QUERIES["remember_sent"]
_READY: Final = State.READY.value
_WAITING: Final = State.WAITING.value
_PARKED: Final = State.PARKED.value
_HELD: Final = State.HELD.value


def append(cursor: sqlite3.Cursor, copies: Sequence[Outgoing], now: float, ready: set[str]) -> int:
    """Insert those copies that are new; add to `ready` the channels that have work now."""
    fresh = [copy for copy in copies if _is_new(cursor, copy, now)]
    for is_plain, some in groupby(fresh, _is_plain):
        if is_plain:
            cursor.executemany(_INSERT_PLAIN, [_plain_row(copy, now, ready) for copy in some])
        else:
            _insert_special(cursor, list(some), now, ready)
    return len(fresh)


def _is_plain(copy: Outgoing) -> bool:
    """Whether a copy has nothing but what all have."""
    return (
        copy.ordering_key is None
        and copy.deduplication_key is None
        and copy.on_failure is None
        and copy.time_to_live is None
        and copy.parked is None
        and copy.failed is None
        and copy.for_endpoint is None
    )


def _plain_row(copy: Outgoing, now: float, ready: set[str]) -> tuple[Any, ...]:
    due = _due(copy, now)
    state = _WAITING
    if due <= now:
        state = _READY
        ready.add(copy.channel)
    return (
        state,
        copy.priority,
        due,
        now,
        copy.copy_id,
        copy.channel,
        copy.endpoint,
        copy.tenant,
        copy.message_id,
        copy.type_name,
        copy.content_type,
        copy.correlation_id,
        copy.causation_id or "",
        copy.timestamp,
        copy.headers,
        copy.body,
    )


def _insert_special(
    cursor: sqlite3.Cursor, copies: Sequence[Outgoing], now: float, ready: set[str]
) -> None:
    if any(copy.ordering_key is not None for copy in copies):
        _insert_in_line(cursor, copies, now, ready)
    else:
        cursor.executemany(_INSERT, [_row(copy, now, ready) for copy in copies])
    for copy in copies:
        if copy.failed is not None:
            note_failed(cursor, copy.copy_id, copy.failed)


def _insert_in_line(
    cursor: sqlite3.Cursor, copies: Sequence[Outgoing], now: float, ready: set[str]
) -> None:
    """Insert copies one by one; those whose ordering key is taken are held."""
    taken: set[_lines.Line] = set()
    for copy in copies:
        row = _row(copy, now, ready)
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
        or cursor.execute(_REMEMBER, (copy.for_endpoint or copy.endpoint, key, now)).rowcount == 1
    )


def _row(copy: Outgoing, now: float, ready: set[str]) -> tuple[Any, ...]:
    due = _due(copy, now)
    state = _WAITING if due > now else _READY
    if copy.parked is not None:
        state = _PARKED
    elif state is _READY:
        ready.add(copy.channel)
    return (
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
        copy.for_endpoint,
    )


def _due(copy: Outgoing, now: float) -> float:
    due = now + copy.delay if copy.deliver_at is None else copy.deliver_at
    if not isfinite(due):
        raise ValueError(f"copy {copy.copy_id!r}: due at {due!r} is not a time")
    return max(due, now)
