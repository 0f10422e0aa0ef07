"""The lines of ordering keys: of a key's messages one is in turn, the others are held behind it.

Rules:
 1. A key has a row while one of its messages is in turn, or while a dead letter parks it. The
    row's key is the whole line: channel, endpoint, tenant and ordering key.
 2. A message that would become ready takes its key if that is free, else it is held.
 3. The one in turn keeps the key whatever it waits for, until it leaves the queue, or until a
    retry gives the key up. Then what was sent first of those held is in turn.
 4. A dead letter that parks its key keeps all others held until it is replayed, as the next in
    turn, or deleted. So does what an error channel has, until it is sent back or forgotten.

So a claim looks at ready messages only, and costs what it costs without keys.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from actorbus._settlement import (
    DeadLetter,
    Divert,
    Forget,
    Release,
    Retry,
    SendBack,
    Settlement,
)
from actorbus._states import State
from actorbus._store import Claimed
from actorbus.stores.sqlite._queries import QUERIES

_HOLDER: Final = QUERIES["key_holder"]
_TAKE: Final = QUERIES["take_key"]
_HAND: Final = QUERIES["hand_key"]
_PARK: Final = QUERIES["park_key"]
_FREE: Final = QUERIES["free_key"]
_HOLD: Final = QUERIES["hold_message"]
_FIRST_HELD: Final = QUERIES["first_held"]
_LET_GO: Final = QUERIES["let_go"]
_PARKING_LETTER: Final = QUERIES["parking_letter"]
_PARKED_BY: Final = QUERIES["keys_parked_by"]
_PLACE: Final = QUERIES["place_of"]


class Line(NamedTuple):
    """Whose turn it is: an ordering key's messages in one queue."""

    channel: str
    endpoint: str
    tenant: str
    key: str


def is_taken(cursor: sqlite3.Cursor, line: Line) -> bool:
    """Whether a new message of this key has to be held."""
    return cursor.execute(_HOLDER, line).fetchone() is not None


def take(cursor: sqlite3.Cursor, line: Line, sequence: int) -> None:
    """Put a message in turn whose key is free."""
    cursor.execute(_TAKE, (*line, sequence))


def line_up(cursor: sqlite3.Cursor, line: Line, sequence: int) -> bool:
    """Let a message that has become ready take its key, or hold it; False if it is held."""
    row = cursor.execute(_HOLDER, line).fetchone()
    if row is None:
        take(cursor, line, sequence)
        return True
    if row[0] == sequence:
        return True
    cursor.execute(_HOLD, (sequence,))
    return False


def line_up_all(cursor: sqlite3.Cursor, found: Iterable[tuple[int, Line]]) -> None:
    """Let those that became ready take their keys, in the order of their sending."""
    for sequence, line in sorted(found):
        line_up(cursor, line, sequence)


def leave(cursor: sqlite3.Cursor, line: Line, sequence: int) -> bool:
    """Give up the turn, if the message has it; return whether another one is ready now."""
    row = cursor.execute(_HOLDER, line).fetchone()
    return row is not None and row[0] == sequence and pass_on(cursor, line)


def pass_on(cursor: sqlite3.Cursor, line: Line) -> bool:
    """Put the next one in turn, or free the key; return whether there was a next one."""
    following = cursor.execute(_FIRST_HELD, line).fetchone()
    if following is None:
        cursor.execute(_FREE, line)
        return False
    cursor.execute(_LET_GO, following)
    cursor.execute(_HAND, (*following, *line))
    return True


def park(cursor: sqlite3.Cursor, line: Line, copy_id: str) -> None:
    """Hold all others until a dead letter is replayed or deleted."""
    cursor.execute(_PARK, (copy_id, *line))


def line_up_again(cursor: sqlite3.Cursor, line: Line, sequence: int, copy_id: str) -> None:
    """Put a replayed dead letter in turn if it parks its key; else it lines up like others."""
    parked_by = cursor.execute(_PARKING_LETTER, line).fetchone()
    if parked_by == (copy_id,):
        cursor.execute(_HAND, (sequence, *line))
    else:
        line_up(cursor, line, sequence)


def settled(
    cursor: sqlite3.Cursor, claimed: Claimed, settlement: Settlement, ready: set[str]
) -> None:
    """Move the lines on once a message that was in turn is settled.

    The channels that have a message in turn now are added to `ready`.
    """
    match settlement:
        case Release() | Retry(gives_up_turn=False):
            return
        case DeadLetter(parks_key=True) | Divert(parks_key=True):
            park(cursor, _line(claimed), claimed.copy_id)
        case _:
            if leave(cursor, _line(claimed), claimed.sequence):
                ready.add(claimed.channel)
    match settlement:
        case Divert() | SendBack():
            _moved(cursor, claimed)
        case Forget():
            unpark(cursor, claimed.copy_id, ready)
        case _:
            pass


def unpark(cursor: sqlite3.Cursor, copy_id: str, ready: set[str]) -> None:
    """Let a key go on whose failed message is done with."""
    for row in cursor.execute(_PARKED_BY, (copy_id,)).fetchall():
        if pass_on(cursor, Line(*row)):
            ready.add(row[0])


def _moved(cursor: sqlite3.Cursor, claimed: Claimed) -> None:
    """Let a message that went to another queue line up there; its own key knows it again."""
    place = cursor.execute(_PLACE, (claimed.sequence,)).fetchone()
    channel, endpoint, tenant, state = place
    line = Line(channel, endpoint, tenant, claimed.ordering_key or "")
    if cursor.execute(_PARKING_LETTER, line).fetchone() == (claimed.copy_id,):
        cursor.execute(_HAND, (claimed.sequence, *line))
    elif state == State.READY:
        line_up(cursor, line, claimed.sequence)


def _line(claimed: Claimed) -> Line:
    return Line(claimed.channel, claimed.endpoint, claimed.tenant, claimed.ordering_key or "")
