"""Write settlements: one statement or two each, guarded by the claim's epoch."""

import sqlite3
from collections.abc import Sequence
from typing import Final, assert_never

from actorbus._settlement import (
    ACK,
    Ack,
    DeadLetter,
    Divert,
    Expire,
    Forget,
    Park,
    Release,
    Retry,
    SendBack,
    Settlement,
)
from actorbus._store import Claimed
from actorbus.stores.sqlite import _adopt, _failed, _lines, _once
from actorbus.stores.sqlite._history import add_failure, delete_history, words_of
from actorbus.stores.sqlite._queries import QUERIES

_DELETE: Final = QUERIES["delete_message"]
_RETRY: Final = QUERIES["retry_message"]
_RELEASE: Final = QUERIES["release_message"]
_PARK: Final = QUERIES["park_message"]
_BURY: Final = QUERIES["bury_message"]
_NOBODY: Final[frozenset[str]] = frozenset()
_COUNT_EXPIRED: Final = QUERIES["count_expired"]


def settle(
    cursor: sqlite3.Cursor,
    claimed: Claimed,
    settlement: Settlement,
    now: float,
    ready: set[str],
) -> bool:
    """Write the settlement; False, with nothing written, if the claim is stale.

    The channels that have work at once because of it are added to `ready`.
    """
    if claimed.origin is not None:
        if type(settlement) is Release:
            return True
        if not _adopt.note_done(cursor, claimed, now):
            return False
        if type(settlement) is Ack:
            return True
        claimed = _adopt.take_over(cursor, claimed)
    if type(settlement) is Ack and claimed.ordering_key is None:
        return _acknowledge(cursor, claimed)
    if not _settle(cursor, claimed, settlement, now):
        return False
    if type(settlement) is not Ack:
        ready |= _woken(claimed, settlement)
        if claimed.deduplication_key is not None and isinstance(settlement, DeadLetter | Expire):
            _not_handled(cursor, claimed, settlement, claimed.deduplication_key, ready)
    if claimed.ordering_key is not None:
        _lines.settled(cursor, claimed, settlement, ready)
    return True


def settle_batch(
    cursor: sqlite3.Cursor,
    batch: Sequence[tuple[Claimed, Settlement]],
    now: float,
    ready: set[str],
) -> int:
    """Write settlements; return how many were stale."""
    return sum(not settle(cursor, *each, now, ready) for each in batch)


def _not_handled(
    cursor: sqlite3.Cursor,
    claimed: Claimed,
    settlement: DeadLetter | Expire,
    key: str,
    ready: set[str],
) -> None:
    """Let the key be sent again; of its dead letters the last is kept, and parks what it parks."""
    endpoint = claimed.for_endpoint or claimed.endpoint
    if isinstance(settlement, DeadLetter):
        if settlement.of_error_channel:
            endpoint = _failed.buried_under(cursor, claimed.copy_id)
        for replaced in _once.bury_once(cursor, endpoint, key, claimed.copy_id):
            _lines.unpark(cursor, replaced, ready)
    _once.forget(cursor, endpoint, key)


def acknowledge(
    cursor: sqlite3.Cursor, batch: Sequence[Claimed], now: float, ready: set[str]
) -> bool:
    """Write that all of them are handled; False, with a part written, if a claim is stale."""
    plain = [one for one in batch if one.ordering_key is None and one.origin is None]
    gone = cursor.executemany(_DELETE, [(one.sequence, one.epoch) for one in plain]).rowcount
    if gone < len(plain):
        return False
    for one in plain:
        if one.attempts or one.replays:
            delete_history(cursor, one.copy_id)
    others = [one for one in batch if one.ordering_key is not None or one.origin is not None]
    return all(settle(cursor, one, ACK, now, ready) for one in others)


def _settle(cursor: sqlite3.Cursor, claimed: Claimed, settlement: Settlement, now: float) -> bool:
    match settlement:
        case Ack():
            return _acknowledge(cursor, claimed)
        case Retry():
            return _retry(cursor, claimed, settlement, now)
        case Release():
            return _changed(cursor, _RELEASE, (claimed.attempts, *_key(claimed)))
        case DeadLetter():
            return _bury(cursor, claimed, settlement, now)
        case Expire():
            return _expire(cursor, claimed, now)
        case Divert() | SendBack() | Forget():
            return _failed.settle(cursor, claimed, settlement, now)
        case Park(reason):
            return _changed(cursor, _PARK, (claimed.attempts, reason, *_key(claimed)))
        case _:
            assert_never(settlement)


def count_expired(
    cursor: sqlite3.Cursor, channel: str, endpoint: str, tenant: str, now: float
) -> None:
    """Count a message that was dropped because it was too old."""
    cursor.execute(_COUNT_EXPIRED, (channel, endpoint, tenant, now))


def _woken(claimed: Claimed, settlement: Settlement) -> frozenset[str]:
    """Return the channels that have work at once because of a settlement: one, or none."""
    match settlement:
        case Release():
            return frozenset({claimed.channel})
        case Divert() | SendBack(delay=0.0):
            return frozenset({settlement.channel})
        case _:
            return _NOBODY


def _acknowledge(cursor: sqlite3.Cursor, claimed: Claimed) -> bool:
    if cursor.execute(_DELETE, (claimed.sequence, claimed.epoch)).rowcount == 0:
        return False
    if claimed.attempts or claimed.replays:
        delete_history(cursor, claimed.copy_id)
    return True


def _retry(cursor: sqlite3.Cursor, claimed: Claimed, retry: Retry, now: float) -> bool:
    due = now + retry.delay
    if not _changed(cursor, _RETRY, (claimed.attempts + 1, due, *_key(claimed))):
        return False
    add_failure(cursor, claimed.copy_id, retry.failure)
    return True


def _bury(cursor: sqlite3.Cursor, claimed: Claimed, letter: DeadLetter, now: float) -> bool:
    if letter.of_error_channel:
        return _failed.bury(cursor, claimed, letter, now)
    failure = letter.failure
    attempts = claimed.attempts + letter.starts
    words = (letter.reason.value, *words_of(failure), attempts, now, *_key(claimed))
    if not _changed(cursor, _BURY, words):
        return False
    cursor.execute(_DELETE, _key(claimed))
    if failure is not None:
        add_failure(cursor, claimed.copy_id, failure)
    return True


def _expire(cursor: sqlite3.Cursor, claimed: Claimed, now: float) -> bool:
    if not _acknowledge(cursor, claimed):
        return False
    count_expired(cursor, claimed.channel, claimed.endpoint, claimed.tenant, now)
    return True


def _changed(cursor: sqlite3.Cursor, sql: str, parameters: tuple[object, ...]) -> bool:
    return cursor.execute(sql, parameters).rowcount > 0


def _key(claimed: Claimed) -> tuple[int, int]:
    return claimed.sequence, claimed.epoch
