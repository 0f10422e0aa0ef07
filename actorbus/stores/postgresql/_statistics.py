"""How much lies in each queue."""

from typing import Any, Final

from actorbus._store import QueueStatistics
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

_STATISTICS: Final = QUERIES["statistics"]


async def statistics(connection: Connection) -> list[QueueStatistics]:
    """Count the messages of each queue by state; queues in order of name."""
    queues: dict[tuple[str, str, str], dict[str, Any]] = {}
    for channel, endpoint, tenant, state, count, oldest in await connection.fetch(_STATISTICS):
        counts = queues.setdefault((channel, endpoint, tenant), {"oldest_enqueued_at": None})
        counts[state] = count
        counts["oldest_enqueued_at"] = _older(counts["oldest_enqueued_at"], oldest)
    return [
        QueueStatistics(channel=channel, endpoint=endpoint, tenant=tenant, **counts)
        for (channel, endpoint, tenant), counts in sorted(queues.items())
    ]


def _older(first: float | None, second: float | None) -> float | None:
    return min((time for time in (first, second) if time is not None), default=None)
