"""When each schedule ticks next. A tick and the plan of the one after it are one transaction."""

from collections.abc import Sequence
from typing import Final

from actorbus._store import Outgoing, ScheduleRow
from actorbus.stores.postgresql import _append
from actorbus.stores.postgresql._connection import Connection, affected
from actorbus.stores.postgresql._queries import QUERIES

_ALL: Final = QUERIES["schedules"]
_ADD: Final = QUERIES["add_schedule"]
_CHANGE: Final = QUERIES["change_schedule"]
_DELETE: Final = QUERIES["delete_schedule"]


async def schedules(connection: Connection) -> list[ScheduleRow]:
    """Return all of them, by name."""
    return [ScheduleRow(**dict(row)) for row in await connection.fetch(_ALL)]


async def write(
    connection: Connection, row: ScheduleRow, ticks: Sequence[Outgoing]
) -> tuple[bool, set[str]]:
    """Write a schedule with its ticks, unless somebody else was first.

    Who comes second waits for the first to commit, and finds another version. Returns whether it
    was written, and the channels that have work now.
    """
    name, *values = (getattr(row, field) for field in ScheduleRow.__struct_fields__)
    if row.version == 1:
        written = await connection.execute(_ADD, name, *values)
    else:
        written = await connection.execute(_CHANGE, *values, name, row.version - 1)
    if not affected(written):
        return False, set()
    _, ready = await _append.append(connection, ticks)
    return True, set(ready)


async def delete(connection: Connection, name: str) -> bool:
    """Forget a schedule; False if there was none."""
    return bool(affected(await connection.execute(_DELETE, name)))
