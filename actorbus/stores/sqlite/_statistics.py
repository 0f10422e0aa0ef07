"""How much lies in each queue."""

import sqlite3
from typing import Any, Final

from actorbus._store import QueueStatistics
from actorbus.stores.sqlite._queries import QUERIES

_STATISTICS: Final = QUERIES["statistics"]

_Queue = tuple[str, str, str]


def statistics(cursor: sqlite3.Cursor) -> list[QueueStatistics]:
    """Count the messages of each queue by state; queues in order of name."""
    queues: dict[_Queue, dict[str, Any]] = {}
    for channel, endpoint, tenant, state, count, oldest in cursor.execute(_STATISTICS).fetchall():
        counts = queues.setdefault((channel, endpoint, tenant), {"oldest_enqueued_at": None})
        counts[state] = count
        counts["oldest_enqueued_at"] = _older(counts["oldest_enqueued_at"], oldest)
    return [
        QueueStatistics(channel=channel, endpoint=endpoint, tenant=tenant, **counts)
        for (channel, endpoint, tenant), counts in sorted(queues.items())
    ]


def _older(first: float | None, second: float | None) -> float | None:
    return min((time for time in (first, second) if time is not None), default=None)
