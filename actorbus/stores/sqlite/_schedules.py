"""When each schedule ticks next. A tick and the plan of the one after it are one transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from actorbus._store import Outgoing, ScheduleRow
from actorbus.stores.sqlite import _append
from actorbus.stores.sqlite._queries import QUERIES

_ALL: Final = QUERIES["schedules"]
_ADD: Final = QUERIES["add_schedule"]
_CHANGE: Final = QUERIES["change_schedule"]
_DELETE: Final = QUERIES["delete_schedule"]


def schedules(cursor: sqlite3.Cursor) -> list[ScheduleRow]:
    """Return all of them, by name."""
    fields = ScheduleRow.__struct_fields__
    rows = [dict(zip(fields, row, strict=True)) for row in cursor.execute(_ALL)]
    return [ScheduleRow(**{**row, "paused": bool(row["paused"])}) for row in rows]


def write(
    cursor: sqlite3.Cursor,
    row: ScheduleRow,
    ticks: Sequence[Outgoing],
    now: float,
    ready: set[str],
) -> bool:
    """Write a schedule with its ticks, unless somebody else was first."""
    name, *values = (getattr(row, field) for field in ScheduleRow.__struct_fields__)
    if row.version == 1:
        written = cursor.execute(_ADD, (name, *values))
    else:
        written = cursor.execute(_CHANGE, (*values, name, row.version - 1))
    if written.rowcount != 1:
        return False
    _append.append(cursor, ticks, now, ready)
    return True


def delete(cursor: sqlite3.Cursor, name: str) -> bool:
    """Forget a schedule; False if there was none."""
    return cursor.execute(_DELETE, (name,)).rowcount == 1
