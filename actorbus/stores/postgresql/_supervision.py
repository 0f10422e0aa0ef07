"""Supervision that was set while a bus runs, as rows, and the history of its changes."""

from typing import Final

from actorbus._store import SupervisionChange, SupervisionRow
from actorbus.stores.postgresql._connection import Connection, affected
from actorbus.stores.postgresql._queries import QUERIES

_ALL: Final = QUERIES["supervision"]
_ADD: Final = QUERIES["add_supervision"]
_CHANGE: Final = QUERIES["change_supervision"]
_NOTE: Final = QUERIES["note_supervision_change"]
_CHANGES: Final = QUERIES["supervision_changes"]


async def supervision(connection: Connection) -> list[SupervisionRow]:
    """Return what was set, by endpoint."""
    return [SupervisionRow(**dict(row)) for row in await connection.fetch(_ALL)]


async def write(connection: Connection, row: SupervisionRow, before: str) -> bool:
    """Set an endpoint's supervision and note the change, unless somebody else was first.

    Who comes second waits for the first to commit, and finds another version.
    """
    about = row.changed_at, row.changed_by, row.reason
    if row.version == 1:
        values = row.endpoint, row.settings, *about, row.version
        written = await connection.execute(_ADD, *values)
    else:
        changed = row.settings, *about, row.version, row.endpoint, row.version - 1
        written = await connection.execute(_CHANGE, *changed)
    if not affected(written):
        return False
    await connection.execute(_NOTE, row.endpoint, row.version, before, row.settings, *about)
    return True


async def changes(connection: Connection, endpoint: str, limit: int) -> list[SupervisionChange]:
    """Return the history, the newest first."""
    rows = await connection.fetch(_CHANGES, endpoint, limit)
    return [SupervisionChange(**dict(row)) for row in rows]
