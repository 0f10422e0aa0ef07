"""What time does to messages: waiting ones come due, old ones expire."""

from math import inf
from typing import Final, NamedTuple

from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

_NEXT_DUE: Final = QUERIES["next_due"]
_PROMOTE: Final = QUERIES["promote"]
_EXPIRE: Final = QUERIES["expire"]
BATCH: Final = 1000
"""How many come due, and expire, in one transaction."""


class Due(NamedTuple):
    """When something is next to be done, and what time it is, by the database's clock."""

    comes_due: float | None
    expires: float | None
    any_paused: bool
    """Whether there are pauses, some of which may be over."""
    now: float
    passed: int = 0
    """How many entries of what is gone were passed over to find out."""
    seconds: float = 0.0
    """How long that took."""

    @property
    def first(self) -> float | None:
        """The earlier of the two times."""
        times = (self.comes_due, self.expires)
        return min((time for time in times if time is not None), default=None)

    @property
    def is_now(self) -> bool:
        """Whether `advance` has something to do."""
        return self.first is not None and self.first <= self.now


class Advanced(NamedTuple):
    """What a batch of what came due was."""

    expired: int
    ready: set[str]
    """Channels that have work now."""
    due: Due
    """What is next."""


async def next_due(
    connection: Connection, due_from: float = -inf, expires_from: float = -inf
) -> Due:
    """Return when the next message comes due or expires, and whether any is paused. Reads only.

    What comes due, or expires, before the times given is not looked at.
    """
    row = await connection.fetchrow(_NEXT_DUE, due_from, expires_from)
    assert row is not None  # noqa: S101  it always returns one row
    return Due(*row)


async def advance(
    connection: Connection, due_from: float = -inf, expires_from: float = -inf
) -> Advanced:
    """Expire a batch, and make a batch ready; processes that do it at once share the work."""
    row = await connection.fetchrow(_EXPIRE, BATCH, expires_from)
    assert row is not None  # noqa: S101  it always returns one row
    expired, ready = row
    promoted = await connection.fetchval(_PROMOTE, BATCH, due_from)
    due = await next_due(connection, due_from, expires_from)
    return Advanced(expired, {*ready, *promoted}, due)
