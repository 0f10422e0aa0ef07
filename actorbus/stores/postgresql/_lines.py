"""The lines of ordering keys: of a key's messages one is in turn, the others are held behind it.

Rules:
 1. A key has a row while one of its messages is in turn, or while a dead letter parks it. The
    row's key is the whole line: channel, endpoint, tenant and ordering key.
 2. A message that would become ready takes its key if that is free, else it is held.
 3. The one in turn keeps the key whatever it waits for, until it leaves the queue, or until a
    retry gives the key up. Then what was sent first of those held is in turn.
 4. A dead letter that parks its key keeps all others held until it is replayed, as the next in
    turn, or deleted. So does what an error channel has, until it is sent back or forgotten.
 5. Who changes a line has locked the key's row, until its transaction ends: a message that is sent
    is seen by whoever passes the key on, or waits for that. Rows are locked in one order.

So a claim looks at ready messages only, and costs what it costs without keys. The work is done by
the functions in `sql/postgresql/functions.sql`.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from actorbus._settlement import DeadLetter, Divert, Forget, SendBack
from actorbus._store import Claimed, Outgoing
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._history import columns
from actorbus.stores.postgresql._queries import QUERIES

_LOCK: Final = QUERIES["lock_lines"]
_LEAVE_OR_PARK: Final = QUERIES["leave_or_park"]
_LINE_UP: Final = QUERIES["line_up"]
_UNPARK: Final = QUERIES["unpark_keys"]


class Line(NamedTuple):
    """Whose turn it is: an ordering key's messages in one queue."""

    channel: str
    endpoint: str
    tenant: str
    key: str


def lines_of(messages: Iterable[Claimed | Outgoing]) -> set[Line]:
    """Return the lines that messages are in."""
    return {
        Line(one.channel, one.endpoint, one.tenant, one.ordering_key)
        for one in messages
        if one.ordering_key is not None
    }


async def lock(connection: Connection, lines: Iterable[Line]) -> None:
    """Lock the lines of all that a transaction sends and settles, before it does either.

    Without it two transactions that settle one key and send to another can wait for each other.
    """
    rows = list(lines)
    if len(rows) > 1:
        await connection.execute(_LOCK, *columns(rows))


async def settled(
    connection: Connection,
    batch: Sequence[tuple[Claimed, DeadLetter | Divert | SendBack | Forget]],
) -> set[str]:
    """Move the lines on of messages that came from error channels, or went there.

    Returns the channels that have a message in turn now.
    """
    keyed = [(claimed, what) for claimed, what in batch if claimed.ordering_key is not None]
    if not keyed:
        return set()
    rows = [(*turn_of(claimed), parks_key(what)) for claimed, what in keyed]
    ready = set(await connection.fetchval(_LEAVE_OR_PARK, *columns(rows)))
    moved = [claimed.sequence for claimed, what in keyed if isinstance(what, Divert | SendBack)]
    if moved:
        await connection.execute(_LINE_UP, moved)
    done = [claimed.copy_id for claimed, what in keyed if isinstance(what, Forget)]
    if done:
        ready |= set(await connection.fetchval(_UNPARK, done))
    return ready


def parks_key(what: DeadLetter | Divert | SendBack | Forget) -> bool:
    """Whether the other messages of its key wait for what becomes of it."""
    return isinstance(what, DeadLetter | Divert) and what.parks_key


def turn_of(claimed: Claimed) -> tuple[int, str, str, str, str | None, str]:
    """Return which message is in turn, and of which line."""
    one = claimed
    return (one.sequence, one.channel, one.endpoint, one.tenant, one.ordering_key, one.copy_id)
