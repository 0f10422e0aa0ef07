"""Runs of an ordering key: the message in turn, and those that are held behind it.

Rules:
 1. Who has claimed the message in turn has what is held behind it too: nobody else can claim that
    before it is settled. So followers are read as they lie, and no row is written for them.
 2. They are settled with the one in turn, in their order and in one transaction, and only if its
    claim still holds. The next one that is held is in turn then.
 3. A follower that expired meanwhile is gone: that is no fault.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from actorbus._settlement import ACK
from actorbus._store import Claimed
from actorbus.stores.sqlite._claims import claimed_of
from actorbus.stores.sqlite._history import delete_history
from actorbus.stores.sqlite._queries import QUERIES
from actorbus.stores.sqlite._settle import settle

_FOLLOWERS: Final = QUERIES["followers"]
_DELETE: Final = QUERIES["delete_follower"]
_HOLDS: Final = QUERIES["claim_holds"]

Run = tuple[Claimed, Sequence[Claimed]]


def followers(
    cursor: sqlite3.Cursor, claimed: Sequence[Claimed], limit: int, largest: int
) -> list[list[Claimed]]:
    """Return up to `limit` messages that are held behind each of these."""
    return [_followers(cursor, one, limit, largest) for one in claimed]


def _followers(cursor: sqlite3.Cursor, first: Claimed, limit: int, largest: int) -> list[Claimed]:
    if first.ordering_key is None:
        return []
    line = (first.channel, first.endpoint, first.tenant, first.ordering_key)
    rows = cursor.execute(_FOLLOWERS, (largest, *line, limit)).fetchall()
    return [claimed_of(row) for row in rows]


def settle_runs(cursor: sqlite3.Cursor, runs: Sequence[Run], now: float, ready: set[str]) -> int:
    """Settle runs as handled; return how many of their messages were stale."""
    return sum(_settle_run(cursor, run, now, ready) for run in runs)


def _settle_run(cursor: sqlite3.Cursor, run: Run, now: float, ready: set[str]) -> int:
    first, others = run
    if others and not _holds(cursor, first):
        return 1 + len(others)
    cursor.executemany(_DELETE, [(one.sequence,) for one in others])
    for one in others:
        if one.attempts or one.replays:
            delete_history(cursor, one.copy_id)
    return int(not settle(cursor, first, ACK, now, ready))  # last: it looks who is next


def _holds(cursor: sqlite3.Cursor, first: Claimed) -> bool:
    return cursor.execute(_HOLDS, (first.sequence, first.epoch)).fetchone() is not None
