"""What time does to messages: waiting ones come due, old ones expire."""

import sqlite3
from typing import Final, NamedTuple

from actorbus.stores.sqlite import _lines, _once, _settle
from actorbus.stores.sqlite._history import delete_history
from actorbus.stores.sqlite._lines import Line
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
    supervised: int
    """How often the supervision of endpoints was changed."""

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
    in_line = [
        (sequence, Line(channel, endpoint, tenant, key))
        for channel, sequence, endpoint, tenant, key in rows
        if key is not None
    ]
    _lines.line_up_all(cursor, in_line)
    return {row[0] for row in rows}


def expire(cursor: sqlite3.Cursor, now: float, ready: set[str]) -> int:
    """Delete and count a batch of what is too old; return how many.

    Their ordering keys pass on: add to `ready` the channels whose next ones are in turn now.
    """
    rows = cursor.execute(_EXPIRE, (now, _BATCH)).fetchall()
    for channel, endpoint, tenant, copy_id, has_history, sequence, key, *keyed in rows:
        _settle.count_expired(cursor, channel, endpoint, tenant, now)
        deduplication_key, handled_by = keyed
        if deduplication_key is not None:
            _once.forget(cursor, handled_by, deduplication_key)
        if has_history:
            delete_history(cursor, copy_id)
        if key is not None and _lines.leave(cursor, Line(channel, endpoint, tenant, key), sequence):
            ready.add(channel)
    return len(rows)


def advance(cursor: sqlite3.Cursor, now: float, ready: set[str]) -> tuple[int, Due]:
    """Expire a batch, promote a batch into `ready`; return how many expired, and what is next."""
    expired = expire(cursor, now, ready)
    ready |= promote(cursor, now)
    return expired, next_due(cursor)
