"""Write settlements: one statement or two each, guarded by the claim's epoch."""

import sqlite3
from typing import Final, assert_never

from actorbus._settlement import Ack, DeadLetter, Expire, Failure, Park, Release, Retry, Settlement
from actorbus._store import Claimed
from actorbus.stores.sqlite._queries import QUERIES

_DELETE: Final = QUERIES["delete_message"]
_RETRY: Final = QUERIES["retry_message"]
_RELEASE: Final = QUERIES["release_message"]
_PARK: Final = QUERIES["park_message"]
_BURY: Final = QUERIES["bury_message"]
_ADD_FAILURE: Final = QUERIES["add_failure"]
_DELETE_FAILURES: Final = QUERIES["delete_failures"]
_COUNT_EXPIRED: Final = QUERIES["count_expired"]


def settle(cursor: sqlite3.Cursor, claimed: Claimed, settlement: Settlement, now: float) -> bool:
    """Write the settlement; False, with nothing written, if the claim is stale."""
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
        case Park(reason):
            return _changed(cursor, _PARK, (claimed.attempts, reason, *_key(claimed)))
        case _:
            assert_never(settlement)


def add_failure(cursor: sqlite3.Cursor, copy_id: str, failure: Failure) -> None:
    """Add an attempt to a message's history."""
    texts = map(storable, (failure.exception, failure.message, failure.traceback))
    cursor.execute(_ADD_FAILURE, (copy_id, failure.attempt, failure.at, *texts))


def count_expired(
    cursor: sqlite3.Cursor, channel: str, endpoint: str, tenant: str, now: float
) -> None:
    """Count a message that was dropped because it was too old."""
    cursor.execute(_COUNT_EXPIRED, (channel, endpoint, tenant, now))


def delete_history(cursor: sqlite3.Cursor, copy_id: str) -> None:
    """Drop the failed attempts of a message."""
    cursor.execute(_DELETE_FAILURES, (copy_id,))


def storable(text: str) -> str:
    """Return text that can be written as UTF-8: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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
    failure = letter.failure
    values: tuple[str | None, ...] = (None, None, None)
    if failure is not None:
        values = tuple(map(storable, (failure.exception, failure.message, failure.traceback)))
    attempts = claimed.attempts + (failure is not None)
    words = (letter.reason.value, *values, attempts, now, *_key(claimed))
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
