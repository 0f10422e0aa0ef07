"""Tenants that have ready messages, by seeks in the index.

The cost follows the number of tenants asked for, not that of the messages.
"""

from typing import Final

from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

_WAITING: Final = QUERIES["waiting_tenants"]


async def waiting_tenants(
    connection: Connection, channel: str, after: str | None, limit: int
) -> list[str]:
    """Return up to `limit` tenants, in order of name from behind `after` on, wrapping once."""
    return list(await connection.fetchval(_WAITING, channel, after, limit))
