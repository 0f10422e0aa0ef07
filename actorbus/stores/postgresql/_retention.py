"""Forget deduplication keys after their retention, from the oldest on, in small batches.

Several processes may do so at once: what one is deleting the others pass over. Each batch begins
behind the one before: until vacuum comes, what was deleted lies at the head of the table.
"""

from typing import Final, NamedTuple

from actorbus._store import Remembered
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

BATCH: Final = 1000
"""How many keys of a table are forgotten in one transaction."""
_PURGES: Final = (QUERIES["forget_sent"], QUERIES["forget_handled"])
_REMEMBERED: Final = QUERIES["remembered"]


class Purged(NamedTuple):
    """What a batch has deleted."""

    keys: int
    """How many."""
    behind: tuple[int, ...]
    """For each table the number behind which the next batch begins."""


async def purge(connection: Connection, keep: float, behind: tuple[int, ...] = (0, 0)) -> Purged:
    """Forget a batch of keys that were noted more than `keep` seconds ago."""
    total, last = 0, []
    for statement, number in zip(_PURGES, behind, strict=True):
        ((count, gone),) = await connection.fetch(statement, keep, BATCH, number)
        total += count
        last.append(gone)
    return Purged(total, tuple(last))


async def remembered(connection: Connection, forgotten: int) -> Remembered:
    """Count what is remembered."""
    row = await connection.fetchrow(_REMEMBERED)
    assert row is not None  # noqa: S101  it counts, so there is a row
    sent, handled, oldest = row
    return Remembered(sent=sent, handled=handled, oldest_at=oldest, forgotten=forgotten)
