"""What is held back: list it, and let it go on."""

import sqlite3
from typing import Final

from actorbus._store import ParkedFilter, ParkedMessages
from actorbus.stores.sqlite import _lines
from actorbus.stores.sqlite._lines import Line
from actorbus.stores.sqlite._queries import QUERIES

_CONDITIONS: Final = {
    "channel": "channel = :channel",
    "tenant": "tenant = :tenant",
    "endpoint": "endpoint = :endpoint",
    "reason": "parked_reason = :reason",
}
BATCH: Final = 1000
"""How many messages go on in one transaction."""


def parked(cursor: sqlite3.Cursor, matching: ParkedFilter) -> list[ParkedMessages]:
    """Return what is held back, by queue and reason."""
    rows = cursor.execute(_query("parked", matching), _values(matching)).fetchall()
    return [
        ParkedMessages(
            channel=channel,
            tenant=tenant,
            endpoint=endpoint,
            reason=reason,
            count=count,
            oldest_enqueued_at=oldest,
        )
        for channel, tenant, endpoint, reason, count, oldest in rows
    ]


def ready_endpoints(cursor: sqlite3.Cursor, channel: str) -> list[str]:
    """Return the endpoints that have ready messages on a channel."""
    rows = cursor.execute(QUERIES["ready_endpoints"], {"channel": channel}).fetchall()
    return [name for (name,) in rows]


def park(cursor: sqlite3.Cursor, matching: ParkedFilter, why: str) -> int:
    """Hold some ready messages back; return how many."""
    values = {**_values(matching), "why": why, "limit": BATCH}
    return cursor.execute(_query("park", matching), values).rowcount


def unpark(
    cursor: sqlite3.Cursor,
    matching: ParkedFilter,
    to: tuple[str | None, str | None],
    now: float,
    ready: set[str],
) -> int:
    """Let some go on, on this channel and tenant (None: as it was); return how many."""
    channel, tenant = to
    values = {"now": now, "to_channel": channel, "to_tenant": tenant, "limit": BATCH}
    rows = cursor.execute(_query("unpark", matching), {**_values(matching), **values}).fetchall()
    ready.update(row[0] for row in rows)
    in_line = [
        (sequence, Line(channel, endpoint, tenant, key))
        for channel, sequence, endpoint, tenant, key, state in rows
        if key is not None and state == "ready"
    ]
    _lines.line_up_all(cursor, in_line)
    return len(rows)


def tenants(cursor: sqlite3.Cursor, channel: str, limit: int) -> list[str]:
    """Return the tenants that have messages on a channel."""
    return [name for (name,) in cursor.execute(QUERIES["tenants"], (channel, limit)).fetchall()]


def _query(name: str, matching: ParkedFilter) -> str:
    given = [text for key, text in _CONDITIONS.items() if getattr(matching, key) is not None]
    return QUERIES[name].replace("{matching}", " AND ".join(given) or "TRUE")


def _values(matching: ParkedFilter) -> dict[str, str]:
    values = {key: getattr(matching, key) for key in _CONDITIONS}
    return {key: value for key, value in values.items() if value is not None}
