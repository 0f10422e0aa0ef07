"""Runs of an ordering key: the message in turn, and those that are held behind it.

Rules:
 1. Who has claimed the message in turn has what is held behind it too: nobody else can claim that
    before it is settled. So followers are read as they lie, and no row is written for them.
 2. They are settled with the one in turn, in one transaction, and only if its claim still holds.
    The next one that is held is in turn then.
 3. A follower that expired meanwhile is gone: that is no fault.
"""

from collections.abc import Sequence
from typing import Final

from actorbus._store import Claimed
from actorbus.stores.postgresql._claims import claimed_of
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._history import columns
from actorbus.stores.postgresql._queries import QUERIES

_FOLLOWERS: Final = QUERIES["followers"]
_ACKNOWLEDGE: Final = QUERIES["acknowledge_runs"]

Run = tuple[Claimed, Sequence[Claimed]]


async def followers(
    connection: Connection, claimed: Sequence[Claimed], limit: int, largest: int
) -> list[list[Claimed]]:
    """Return up to `limit` messages that are held behind each of these. One statement."""
    found: list[list[Claimed]] = [[] for _ in claimed]
    keyed = [place for place, one in enumerate(claimed) if one.ordering_key is not None]
    if not keyed or limit <= 0:
        return found
    firsts = [claimed[place] for place in keyed]
    lines = [(one.channel, one.endpoint, one.tenant, one.ordering_key) for one in firsts]
    for row in await connection.fetch(_FOLLOWERS, *columns(lines), limit, largest):
        found[keyed[row["run"] - 1]].append(claimed_of(*row))
    return found


async def settle_runs(connection: Connection, runs: Sequence[Run]) -> tuple[int, set[str]]:
    """Settle runs as handled, in one statement.

    Returns how many of their messages were stale, and the channels that have work now.
    """
    if not runs:
        return 0, set()
    others = [(one.sequence, run) for run, (_, held) in enumerate(runs, 1) for one in held]
    row = await connection.fetchrow(
        _ACKNOWLEDGE,
        [first.sequence for first, _ in runs],
        [first.epoch for first, _ in runs],
        [sequence for sequence, _ in others],
        [run for _, run in others],
    )
    assert row is not None  # noqa: S101  it always returns one row
    stale, ready = row
    return stale, set(ready)
