"""Looking at the database again and again: what came due, and what others have committed.

Rules: (1) one statement, unless something is due; it begins to look where `_heads` says, and asks
whether anything is ready unless that would take long, which counts as a yes; (2) what others say by
NOTIFY is news with the next poll, and so are answers for this process; (3) messages that are ready
without a word, since nobody told of them or nobody can, are news at most each `_UNTOLD` seconds,
for they may be others', and at least each `_AT_LAST`, whatever this process tells of meanwhile.
"""

from math import inf
from typing import TYPE_CHECKING, Final

from actorbus._store import Poll
from actorbus.consuming._pauses import Pause
from actorbus.stores.postgresql import _due, _pauses
from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._clock import DatabaseClock
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._due import Advanced, Due
from actorbus.stores.postgresql._heads import AnyReady, Heads, ReadyAsked
from actorbus.stores.postgresql._queries import QUERIES

if TYPE_CHECKING:
    from actorbus.stores.postgresql._parts import Parts

_POLL: Final = QUERIES["poll"]
_UNTOLD: Final = 0.1
"""Seconds between two times that messages are news of which nobody told."""
_AT_LAST: Final = 0.25
"""Seconds after which they are news though this process makes others ready all the time."""


class Polling:
    """Knows what was news already."""

    def __init__(self, clock: DatabaseClock) -> None:
        self._clock = clock
        self._heads = Heads(clock.local)
        self._ready = ReadyAsked(clock.local)
        self._heard = False
        self._looked = -inf
        self._told_since: float | None = None
        """Since when this process tells of messages, without any other news of them."""

    def heard(self) -> None:
        """Note that another process has said something. From any thread."""
        self._heard = True

    def told(self) -> None:
        """Note that this process has made messages ready, and told its channels."""
        self._looked = self._clock.local()
        if self._told_since is None:
            self._told_since = self._looked

    async def poll(self, parts: "Parts", ready: set[str]) -> Poll:
        """Look, and do what is due; `ready` takes the channels on which it made messages ready."""
        heard, self._heard = self._heard, False
        asked_at = self._clock.local()
        mine = parts.process.process_id
        places = parts.claims.places
        ready |= places.owed()

        begins = self._heads.begins

        asks = not places.any_slow and self._ready.is_quick

        async def look(connection: Connection) -> tuple[Due, bool, int, AnyReady]:
            row = await connection.fetchrow(_POLL, mine, *begins, asks)
            assert row is not None  # noqa: S101  it always returns one row
            return Due(*row[:6]), row[6], row[7], AnyReady(*row[8:])

        async def advance(connection: Connection) -> Advanced:
            return await _due.advance(connection, *begins)

        due, any_replies, supervised, ready_now = await parts.access.run(look)
        self._clock.heard(asked_at, due.now)
        self._heads.looked(begins, due)
        if asks:
            self._ready.asked(ready_now)
        expired = 0
        while due.is_now:
            advanced = await parts.access.write(advance)
            expired += advanced.expired
            ready |= advanced.ready
            if not (advanced.expired or advanced.ready):
                break  # others are at it
            due = advanced.due
        pauses = await _holding(parts.access) if due.any_paused else ()
        changed = (
            heard or any_replies or bool(ready) or self._is_untold(ready_now.is_so or not asks)
        )
        return Poll(changed, due.first, expired, pauses, supervised)

    def _is_untold(self, any_ready: bool) -> bool:  # noqa: FBT001  one answer of the database's
        now = self._clock.local()
        if not any_ready:
            self._told_since = None
            return False
        told_for = 0.0 if self._told_since is None else now - self._told_since
        if now - self._looked < _UNTOLD and told_for < _AT_LAST:
            return False
        self._looked = now
        self._told_since = None
        return True


async def _holding(access: Access) -> tuple[Pause, ...]:
    """Return the pauses that hold, and delete those whose time is over."""

    async def pauses(connection: Connection) -> list[Pause]:
        await _pauses.end_pauses(connection)
        return await _pauses.pauses(connection)

    return tuple(await access.write(pauses))
