"""Pauses as rows, which every process that uses the store finds when it polls."""

from typing import Final

from actorbus.consuming._pauses import Pause
from actorbus.stores.postgresql._connection import Connection, affected
from actorbus.stores.postgresql._queries import QUERIES

_PAUSE: Final = QUERIES["pause"]
_RESUME: Final = QUERIES["resume"]
_PAUSES: Final = QUERIES["pauses"]
_END_PAUSES: Final = QUERIES["end_pauses"]


async def pause(connection: Connection, what: Pause) -> None:
    """Note a pause; it takes the place of one of the same name."""
    values = (what.channel, what.endpoint, what.paused_at, what.until, what.reason)
    await connection.execute(_PAUSE, *values)


async def resume(connection: Connection, channel: str, endpoint: str) -> bool:
    """End a pause; False if there was none, or it had ended by itself."""
    return bool(affected(await connection.execute(_RESUME, channel, endpoint)))


async def pauses(connection: Connection) -> list[Pause]:
    """Return the pauses that hold now, by their names."""
    return [Pause(*row) for row in await connection.fetch(_PAUSES)]


async def end_pauses(connection: Connection) -> int:
    """Delete those whose time is over; return how many."""
    return affected(await connection.execute(_END_PAUSES))
