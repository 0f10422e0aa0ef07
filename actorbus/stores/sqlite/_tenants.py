"""Tenants that have ready messages, by seeks in the index.

The cost follows the number of tenants asked for, not that of the messages.
"""

import sqlite3
from typing import Final

from actorbus.stores.sqlite._queries import QUERIES

_FIRST: Final = QUERIES["first_tenant"]
_NEXT: Final = QUERIES["next_tenant"]


def waiting_tenants(
    cursor: sqlite3.Cursor, channel: str, after: str | None, limit: int
) -> list[str]:
    """Return up to `limit` tenants, in order of name from behind `after` on, wrapping once."""
    found: list[str] = []
    tenant = after
    wrapped = after is None
    while len(found) < limit:
        row = _seek(cursor, channel, tenant)
        if row is None and wrapped:
            break
        if row is None:
            wrapped, tenant = True, None
            continue
        tenant = row[0]
        if found and tenant == found[0]:
            break
        found.append(tenant)
    return found


def _seek(cursor: sqlite3.Cursor, channel: str, after: str | None) -> tuple[str] | None:
    if after is None:
        row = cursor.execute(_FIRST, (channel,)).fetchone()
    else:
        row = cursor.execute(_NEXT, (channel, after)).fetchone()
    return row  # type: ignore[no-any-return]  # the driver's rows are Any
