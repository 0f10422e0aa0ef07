"""Dead letters: find, show, replay, edit, delete.

Replays and deletions take a batch at a time, each in a transaction of its own, and what they move
stays in the database: no body is read here. Two processes that replay the same dead letters share
them; each is replayed once.
"""

from typing import Final, NamedTuple

import msgspec

from actorbus._store import (
    DeadLetterFilter,
    DeadLetterGroup,
    DeadLetterNotFound,
    DeadLetterRow,
)
from actorbus.stores.postgresql._connection import Connection, affected
from actorbus.stores.postgresql._history import failures
from actorbus.stores.postgresql._matching import of_letters
from actorbus.stores.postgresql._queries import QUERIES

BATCH: Final = 500
"""How many are replayed or deleted in one transaction."""
_NEWEST: Final = QUERIES["newest_dead_letter"]
_EDIT: Final = QUERIES["edit_dead_letter"]
_LINE_UP: Final = QUERIES["line_up_again"]
_LET_GO_ON: Final = QUERIES["let_lines_go_on"]


async def find(
    connection: Connection,
    matching: DeadLetterFilter,
    *,
    limit: int,
    after: int,
    bodies: bool = True,
) -> list[DeadLetterRow]:
    """Return a page of dead letters, oldest first, without their histories."""
    text, values = of_letters("dead_letters", matching, bodies, after, limit)
    return [DeadLetterRow(**dict(row)) for row in await connection.fetch(text, *values)]


async def show(connection: Connection, copy_id: str) -> DeadLetterRow:
    """Return one with its history."""
    matching = DeadLetterFilter(copy_ids=(copy_id,))
    found = await find(connection, matching, limit=1, after=0)
    if not found:
        raise _not_found(copy_id)
    return msgspec.structs.replace(found[0], failures=await failures(connection, copy_id))


async def count(connection: Connection, matching: DeadLetterFilter) -> int:
    """Return how many match."""
    text, values = of_letters("count_dead_letters", matching)
    return int(await connection.fetchval(text, *values))


async def newest(connection: Connection) -> int:
    """Return the number of the one that died last, 0 if there is none."""
    return int(await connection.fetchval(_NEWEST))


async def groups(
    connection: Connection, matching: DeadLetterFilter, *, limit: int
) -> list[DeadLetterGroup]:
    """Return how many match of each kind, the largest groups first."""
    text, values = of_letters("dead_letter_groups", matching, limit)
    return [DeadLetterGroup(*row) for row in await connection.fetch(text, *values)]


class Batch(NamedTuple):
    """Some that were replayed or deleted together."""

    letters: int
    """How many."""
    last: int
    """The number of the last of them: the next ones are behind it."""


async def replay(
    connection: Connection, matching: DeadLetterFilter, limit: int = BATCH, after: int = 0
) -> tuple[Batch, set[str]]:
    """Make messages of the oldest that match; their histories stay, should they fail again.

    Returns how many, and the channels that have work now.
    """
    text, values = of_letters("revive", matching, limit, after)
    rows = await connection.fetch(text, *values)
    in_line = [sequence for sequence, _, is_in_line, _ in rows if is_in_line]
    if in_line:
        await connection.execute(_LINE_UP, in_line)
    last = max((number for *_, number in rows), default=after)
    return Batch(len(rows), last), {channel for _, channel, *_ in rows}


async def delete(
    connection: Connection, matching: DeadLetterFilter, limit: int = BATCH, after: int = 0
) -> tuple[Batch, set[str]]:
    """Delete the oldest that match, with their histories; what they held up goes on.

    Returns how many, and the channels that have work now.
    """
    text, values = of_letters("delete_dead_letters", matching, limit, after)
    rows = await connection.fetch(text, *values)
    ready = set(await connection.fetchval(_LET_GO_ON, [copy_id for copy_id, _ in rows]))
    return Batch(len(rows), max((number for _, number in rows), default=after)), ready


async def edit(
    connection: Connection, copy_id: str, body: bytes | None, headers: str | None
) -> None:
    """Replace body or headers."""
    if not affected(await connection.execute(_EDIT, body, headers, copy_id)):
        raise _not_found(copy_id)


def _not_found(copy_id: str) -> DeadLetterNotFound:
    return DeadLetterNotFound(f"no dead letter has the copy id {copy_id!r}")
