"""Supervision that was set while a bus runs, as rows, and the history of its changes."""

import sqlite3
from typing import Final

from actorbus._store import SupervisionChange, SupervisionRow
from actorbus.stores.sqlite._queries import QUERIES

_ALL: Final = QUERIES["supervision"]
_ADD: Final = QUERIES["add_supervision"]
_CHANGE: Final = QUERIES["change_supervision"]
_NOTE: Final = QUERIES["note_supervision_change"]
_CHANGES: Final = QUERIES["supervision_changes"]


def supervision(cursor: sqlite3.Cursor) -> list[SupervisionRow]:
    """Return what was set, by endpoint."""
    fields = SupervisionRow.__struct_fields__
    return [SupervisionRow(**dict(zip(fields, row, strict=True))) for row in cursor.execute(_ALL)]


def write(cursor: sqlite3.Cursor, row: SupervisionRow, before: str) -> bool:
    """Set an endpoint's supervision and note the change, unless somebody else was first."""
    about = row.changed_at, row.changed_by, row.reason
    if row.version == 1:
        written = cursor.execute(_ADD, (row.endpoint, row.settings, *about, row.version))
    else:
        values = row.settings, *about, row.version, row.endpoint, row.version - 1
        written = cursor.execute(_CHANGE, values)
    if written.rowcount != 1:
        return False
    cursor.execute(_NOTE, (row.endpoint, row.version, before, row.settings, *about))
    return True


def changes(cursor: sqlite3.Cursor, endpoint: str, limit: int) -> list[SupervisionChange]:
    """Return the history, the newest first."""
    fields = SupervisionChange.__struct_fields__
    rows = cursor.execute(_CHANGES, (endpoint, limit))
    return [SupervisionChange(**dict(zip(fields, row, strict=True))) for row in rows]
