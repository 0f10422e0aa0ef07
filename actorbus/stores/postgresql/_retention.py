"""Forget deduplication keys after their retention, from the oldest on, in small batches.

Several processes may do so at once: what one is deleting the others pass over.
"""

from typing import Final

from actorbus._store import Remembered
from actorbus.stores.postgresql._connection import Connection, affected
from actorbus.stores.postgresql._queries import QUERIES

BATCH: Final = 1000
"""How many keys of a table are forgotten in one transaction."""
_PURGES: Final = (QUERIES["forget_sent"], QUERIES["forget_handled"])
_REMEMBERED: Final = QUERIES["remembered"]


async def purge(connection: Connection, keep: float) -> int:
    """Forget a batch of keys that were noted more than `keep` seconds ago; return how many."""
    return sum([affected(await connection.execute(one, keep, BATCH)) for one in _PURGES])


async def remembered(connection: Connection, forgotten: int) -> Remembered:
    """Count what is remembered."""
    row = await connection.fetchrow(_REMEMBERED)
    assert row is not None  # noqa: S101  it counts, so there is a row
    sent, handled, oldest = row
    return Remembered(sent=sent, handled=handled, oldest_at=oldest, forgotten=forgotten)
