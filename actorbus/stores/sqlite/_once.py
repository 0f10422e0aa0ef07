"""Deduplication at the handler: of two copies with one key, the second is not started.

Rules:
 1. What was handled is noted in the handler's transaction; a claim marks copies of it.
 2. A claimed copy is itself the note that its key is being handled: another copy that is claimed
    meanwhile, by whatever process, is put off. It goes when its process does, so that a crash
    blocks nobody.
 3. A message that was not handled in the end leaves no note: its key may be sent again. If that
    one dies too, it takes the place of the first among the dead letters: a key has one at most.
 4. A copy that waits to be relayed is not handled here, whatever its key.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from actorbus._store import Claimed, Demand, Remembered
from actorbus.stores.sqlite._queries import QUERIES

_HANDLED: Final = QUERIES["handled_keys"]
_RUNNING: Final = QUERIES["running_keys"]
_PUT_OFF: Final = QUERIES["put_off"]
_FORGET: Final = QUERIES["forget_sent_key"]
_ADOPT: Final = QUERIES["adopt_history"]
_REPLACE: Final = QUERIES["replace_dead_letter"]
_REMEMBERED: Final = QUERIES["remembered"]

PUT_OFF_FOR: Final = 1.0
"""Seconds until a copy is looked at again whose key was being handled."""


def once(cursor: sqlite3.Cursor, demand: Demand, found: list[Claimed], now: float) -> list[Claimed]:
    """Mark the copies whose keys were handled; put off those whose keys are being handled.

    Costs nothing if none of them has a key, else two statements.
    """
    keys = {
        one.deduplication_key
        for one in found
        if one.deduplication_key is not None and one.for_endpoint is None
    }
    if not keys:
        return found
    lists = json.dumps(demand.endpoint_ids), json.dumps(sorted(keys))
    handled = {key for (key,) in cursor.execute(_HANDLED, lists).fetchall()}
    marked = [
        replace(one, handled=True) if one.deduplication_key in handled else one for one in found
    ]
    second = _second_copies(cursor, lists, marked)
    for one in second.values():
        cursor.execute(_PUT_OFF, (one.attempts, now + PUT_OFF_FOR, one.sequence))
    return [one for one in marked if one.sequence not in second]


def forget(cursor: sqlite3.Cursor, endpoint: str, key: str) -> None:
    """Let a key be sent again whose message was not handled."""
    cursor.execute(_FORGET, (endpoint, key))


def bury_once(cursor: sqlite3.Cursor, endpoint: str, key: str, copy_id: str) -> list[str]:
    """Let a dead letter take the place of an earlier one with its key, and have its history.

    Returns the copy ids of those that are gone.
    """
    values = {"endpoint": endpoint, "key": key, "copy_id": copy_id}
    cursor.execute(_ADOPT, values)
    return [replaced for (replaced,) in cursor.execute(_REPLACE, values).fetchall()]


def remembered(cursor: sqlite3.Cursor, forgotten: int) -> Remembered:
    """Count what is remembered."""
    sent, handled, *times = cursor.execute(_REMEMBERED).fetchone()
    oldest = min((time for time in times if time is not None), default=None)
    return Remembered(sent=sent, handled=handled, oldest_at=oldest, forgotten=forgotten)


def _second_copies(
    cursor: sqlite3.Cursor, lists: tuple[str, str], found: Sequence[Claimed]
) -> dict[int, Claimed]:
    """Return the copies whose keys somebody else has in hand, or an earlier one of these."""
    fresh = {one.sequence: one for one in found if not one.handled}
    endpoints, keys = lists
    rows = cursor.execute(_RUNNING, (keys, endpoints)).fetchall()
    taken = {key for sequence, key in rows if sequence not in fresh}
    second: dict[int, Claimed] = {}
    for one in fresh.values():
        if one.deduplication_key is None:
            continue
        if one.deduplication_key in taken:
            second[one.sequence] = one
        taken.add(one.deduplication_key)
    return second
