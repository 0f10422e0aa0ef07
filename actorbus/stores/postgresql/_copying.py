"""Storing many copies with COPY: half of what a statement with arrays costs, for each of them.

It takes a round trip more, for the database's time, which all of them get.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from actorbus.stores.postgresql._connection import Connection

FROM: Final = 200
"""So many copies make up for the round trip."""

_TABLE: Final = "actorbus_messages"
_NOW: Final = "SELECT actorbus_now()"
_FRESH: Final[dict[str, Any]] = {
    "state": "ready",
    "epoch": 0,
    "attempts": 0,
    "suspect": False,
    "replays": 0,
}
"""Columns that are the same in all rows."""
_TIMES: Final = ("due_at", "enqueued_at")


async def copy_in(
    connection: Connection, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Store rows of `columns`, ready at once, in this order. A value that does not fit: DataError.

    One transaction's as any statement is: all of them are stored, or none.
    """
    now = await connection.fetchval(_NOW)
    same = (*_FRESH.values(), now, now)
    try:
        await connection.copy_records_to_table(
            _TABLE,
            columns=(*_FRESH, *_TIMES, *columns),
            records=[same + row for row in rows],
        )
    except (TypeError, ValueError, OverflowError) as error:  # by their own names, unlike elsewhere
        raise asyncpg.DataError(f"a value cannot be stored: {error}") from error
