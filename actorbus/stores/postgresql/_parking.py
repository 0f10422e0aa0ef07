"""What is held back: list it, and let it go on."""

from typing import Final

from actorbus._store import ParkedFilter, ParkedMessages
from actorbus.stores.postgresql._connection import Connection, affected
from actorbus.stores.postgresql._history import columns
from actorbus.stores.postgresql._matching import of_parked
from actorbus.stores.postgresql._queries import QUERIES

BATCH: Final = 500
"""How many messages are held back, or go on, in one transaction."""
_READY_ENDPOINTS: Final = QUERIES["ready_endpoints"]
_TENANTS: Final = QUERIES["tenants"]
_LINE_UP: Final = QUERIES["line_up_again"]
_LOCK_LINES: Final = QUERIES["lock_lines"]


async def parked(connection: Connection, matching: ParkedFilter) -> list[ParkedMessages]:
    """Return what is held back, by queue and reason."""
    text, values = of_parked("parked", matching)
    return [ParkedMessages(**dict(row)) for row in await connection.fetch(text, *values)]


async def ready_endpoints(connection: Connection, channel: str) -> list[str]:
    """Return the endpoints that have ready messages on a channel."""
    return [name for (name,) in await connection.fetch(_READY_ENDPOINTS, channel)]


async def park(connection: Connection, matching: ParkedFilter, why: str) -> int:
    """Hold some ready messages back that nobody is claiming; return how many."""
    text, values = of_parked("park", matching, why, BATCH)
    return affected(await connection.execute(text, *values))


async def unpark(
    connection: Connection, matching: ParkedFilter, to: tuple[str | None, str | None]
) -> tuple[int, set[str]]:
    """Let some go on, on this channel and tenant (None: as it was).

    Returns how many, and their channels. Keys are locked before messages, as everywhere.
    """
    text, values = of_parked("parked_lines", matching, *to, BATCH)
    lines = await connection.fetch(text, *values)
    if lines:
        await connection.execute(_LOCK_LINES, *columns([tuple(line) for line in lines]))
    text, values = of_parked("unpark", matching, *to, BATCH)
    rows = await connection.fetch(text, *values)
    in_line = [sequence for sequence, _, is_in_line in rows if is_in_line]
    if in_line:
        await connection.execute(_LINE_UP, in_line)
    return len(rows), {channel for _, channel, _ in rows}


async def tenants(connection: Connection, channel: str, limit: int) -> list[str]:
    """Return tenants that have messages on a channel."""
    return [name for (name,) in await connection.fetch(_TENANTS, channel, limit)]
