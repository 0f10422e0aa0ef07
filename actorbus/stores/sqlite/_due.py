"""What time does to messages: waiting ones come due, old ones expire."""

import sqlite3
from typing import Final, NamedTuple

from actorbus.stores.sqlite import _settle
from actorbus.stores.sqlite._history import delete_history
from actorbus.stores.sqlite._queries import QUERIES

_NEXT_DUE: Final = QUERIES["next_due"]
_PROMOTE: Final = QUERIES["promote"]
_EXPIRE: Final = QUERIES["expire"]
_BATCH: Final = 1000


class Due(NamedTuple):
    """When something is next to be done."""

    comes_due: float | None
    expires: float | None
    any_paused: int
    """Whether there are pauses, some of which may be over."""

    @property
    def first(self) -> float | None:
        """The earlier of the two times."""
        times = (self.comes_due, self.expires)
        return min((time for time in times if time is not None), default=None)


def next_due(cursor: sqlite3.Cursor) -> Due:
    """Return when the next message comes due or expires, and whether any is paused."""
    return Due(*cursor.execute(_NEXT_DUE).fetchone())


def promote(cursor: sqlite3.Cursor, now: float) -> set[str]:
    """Make ready a batch of what came due; return its channels."""
    rows = cursor.execute(_PROMOTE, (now, _BATCH)).fetchall()
    return {channel for (channel,) in rows}


def expire(cursor: sqlite3.Cursor, now: float) -> int:
    """Delete and count a batch of what is too old; return how many."""
    rows = cursor.execute(_EXPIRE, (now, _BATCH)).fetchall()
    for channel, endpoint, tenant, copy_id, has_history in rows:
        _settle.count_expired(cursor, channel, endpoint, tenant, now)
        if has_history:
            delete_history(cursor, copy_id)
    return len(rows)


def advance(cursor: sqlite3.Cursor, now: float, ready: set[str]) -> tuple[int, Due]:
    """Expire a batch, promote a batch into `ready`; return how many expired, and what is next."""
    expired = expire(cursor, now)
    ready |= promote(cursor, now)
    return expired, next_due(cursor)
