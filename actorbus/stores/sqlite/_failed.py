"""Messages that failed for good and are an error channel's: handed over, sent back, buried."""

import sqlite3
from typing import Any, Final

from actorbus._settlement import DeadLetter, Divert, Failed, Forget, SendBack
from actorbus._states import State
from actorbus._store import Claimed
from actorbus.stores.sqlite._history import add_failure, delete_history, failures, words_of
from actorbus.stores.sqlite._queries import QUERIES

_NOTE: Final = QUERIES["note_failed"]
_INSERT: Final = QUERIES["insert_failed"]
_DIVERT: Final = QUERIES["divert_message"]
_SEND_BACK: Final = QUERIES["send_back"]
_BURY: Final = QUERIES["bury_failed"]
_LETTERS_ENDPOINT: Final = QUERIES["endpoint_of_letter"]
_DELETE: Final = QUERIES["delete_message"]
_FORGET: Final = QUERIES["delete_failed"]
_FAILED: Final = QUERIES["failed_message"]


def settle(
    cursor: sqlite3.Cursor, claimed: Claimed, what: Divert | SendBack | Forget, now: float
) -> bool:
    """Write what becomes of a message through an error channel; False if the claim is stale."""
    match what:
        case Divert():
            return _divert(cursor, claimed, what, now)
        case SendBack():
            return _send_back(cursor, claimed, what, now)
        case Forget():
            return _drop(cursor, claimed)


def _divert(cursor: sqlite3.Cursor, claimed: Claimed, to: Divert, now: float) -> bool:
    attempts = claimed.attempts + (to.failure is not None)
    words = (to.reason.value, *words_of(to.failure), attempts, now, *_key(claimed))
    if cursor.execute(_NOTE, words).rowcount <= 0:
        return False
    cursor.execute(_DIVERT, (now, to.channel, to.endpoint, *_key(claimed)))
    if to.failure is not None:
        add_failure(cursor, claimed.copy_id, to.failure)
    return True


def _send_back(cursor: sqlite3.Cursor, claimed: Claimed, back: SendBack, now: float) -> bool:
    state = State.WAITING if back.delay > 0 else State.READY
    values = (state.value, now + back.delay, *_key(claimed))
    if cursor.execute(_SEND_BACK, values).rowcount <= 0:
        return False
    _forget(cursor, claimed.copy_id, completely=True)
    return True


def _drop(cursor: sqlite3.Cursor, claimed: Claimed) -> bool:
    if cursor.execute(_DELETE, _key(claimed)).rowcount <= 0:
        return False
    delete_history(cursor, claimed.copy_id)
    _forget(cursor, claimed.copy_id, completely=True)
    return True


def bury(cursor: sqlite3.Cursor, claimed: Claimed, letter: DeadLetter, now: float) -> bool:
    """Make a dead letter of the endpoint where it failed first; False if the claim is stale."""
    words = (letter.reason.value, *words_of(letter.failure), now, *_key(claimed))
    if cursor.execute(_BURY, words).rowcount <= 0:
        return False
    cursor.execute(_DELETE, _key(claimed))
    for failure in (letter.failure, letter.note):
        if failure is not None:
            add_failure(cursor, claimed.copy_id, failure)
    _forget(cursor, claimed.copy_id, completely=False)
    return True


def buried_under(cursor: sqlite3.Cursor, copy_id: str) -> str:
    """Return the endpoint whose dead letter it became."""
    (endpoint,) = cursor.execute(_LETTERS_ENDPOINT, (copy_id,)).fetchone()
    return str(endpoint)


def note_failed(cursor: sqlite3.Cursor, copy_id: str, failed: Failed) -> None:
    """Note where a message failed that never was on a channel."""
    words = (failed.exception, failed.exception_message, failed.traceback)
    values = (failed.endpoint, failed.reason, *words, failed.attempts, failed.failed_at)
    cursor.execute(_INSERT, (copy_id, *values))
    for failure in failed.failures:
        add_failure(cursor, copy_id, failure)


def find(cursor: sqlite3.Cursor, copy_id: str) -> Failed | None:
    """Return where a message failed, with its history."""
    row = cursor.execute(_FAILED, (copy_id,)).fetchone()
    if row is None:
        return None
    values: tuple[Any, ...] = (*row, failures(cursor, copy_id))
    return Failed(*values)


def _forget(cursor: sqlite3.Cursor, copy_id: str, *, completely: bool) -> None:
    cursor.execute(_FORGET, (copy_id, completely))


def _key(claimed: Claimed) -> tuple[int, int]:
    return claimed.sequence, claimed.epoch
