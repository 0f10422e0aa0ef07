"""What the server says of itself: version, connections, clock, pooler, vacuum. Reads only.

It reads the server's own views, of which a user without `pg_monitor` sees less: no transactions of
other users then.
"""

import asyncio
import time
from secrets import token_hex
from typing import Any, Final

from actorbus._store import Bloat, Horizon, Server
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

OLDEST: Final = (13, 0)
_HEARD_WITHIN: Final = 2.0
"""Seconds until a notification counts as lost."""
_SERVER: Final = QUERIES["server"]
_BLOAT: Final = QUERIES["bloat"]
_HORIZON: Final = QUERIES["horizon"]
_CLOCK: Final = QUERIES["clock"]


async def server(connection: Connection, *, pooled: bool, hears: bool, per_process: int) -> Server:
    """Ask the server. Reads only."""
    number, version, most, used, autovacuum = await _row(connection, _SERVER)
    difference, error = await _clock(connection)
    return Server(
        name="PostgreSQL",
        version=version,
        is_new_enough=number >= OLDEST[0] * 10_000 + OLDEST[1],
        needed=str(OLDEST[0]),
        most_connections=most,
        connections=used,
        per_process=per_process,
        clock_difference=difference,
        clock_error=error,
        pooled=pooled,
        hears=hears,
        autovacuum=autovacuum,
        bloat=tuple([Bloat(**dict(row)) for row in await connection.fetch(_BLOAT)]),
        horizon=await _horizon(connection),
    )


async def hears(listening: Any, sending: Connection) -> bool:
    """Whether a notification that one connection sends arrives at another, the driver's own."""
    heard = asyncio.Event()
    channel = f"actorbus_doctor_{token_hex(8)}"
    await listening.add_listener(channel, lambda *_: heard.set())
    await sending.execute("SELECT pg_notify($1, '')", channel)
    try:
        async with asyncio.timeout(_HEARD_WITHIN):
            await heard.wait()
    except TimeoutError:
        return False
    return True


async def _clock(connection: Connection) -> tuple[float, float]:
    """Return how far the server's clock is ahead, and how wrong that may be."""
    before = time.time()
    theirs = await connection.fetchval(_CLOCK)
    after = time.time()
    return theirs - (before + after) / 2, (after - before) / 2


async def _horizon(connection: Connection) -> Horizon | None:
    row = await connection.fetchrow(_HORIZON)
    return None if row is None else Horizon(**dict(row))


async def _row(connection: Connection, query: str) -> tuple[Any, ...]:
    row = await connection.fetchrow(query)
    assert row is not None  # noqa: S101  it reads settings, so there is a row
    return tuple(row)
