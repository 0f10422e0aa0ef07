"""Pauses as rows, which every process that uses the store finds when it polls."""

import sqlite3
from typing import Final

from actorbus.consuming._pauses import Pause
from actorbus.stores.sqlite._queries import QUERIES

_PAUSE: Final = QUERIES["pause"]
_RESUME: Final = QUERIES["resume"]
_PAUSES: Final = QUERIES["pauses"]
_END_PAUSES: Final = QUERIES["end_pauses"]


def pause(cursor: sqlite3.Cursor, what: Pause) -> None:
    """Note a pause; it takes the place of one of the same name."""
    values = (what.channel, what.endpoint, what.paused_at, what.until, what.reason)
    cursor.execute(_PAUSE, values)


def resume(cursor: sqlite3.Cursor, channel: str, endpoint: str, now: float) -> bool:
    """End a pause; False if there was none, or it had ended by itself."""
    return bool(cursor.execute(_RESUME, (channel, endpoint, now)).rowcount)


def pauses(cursor: sqlite3.Cursor, now: float) -> list[Pause]:
    """Return the pauses that hold now, by their names."""
    return [Pause(*row) for row in cursor.execute(_PAUSES, (now,)).fetchall()]


def end_pauses(cursor: sqlite3.Cursor, now: float) -> None:
    """Delete those whose time is over."""
    cursor.execute(_END_PAUSES, (now,))
