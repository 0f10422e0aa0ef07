"""Messages that failed for good and are an error channel's: handed over, sent back, buried.

All that happens to a batch in one way is one statement, whatever its length. It touches only the
messages whose claims still hold, by sequence and epoch, and says which those are.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from actorbus._settlement import DeadLetter, Divert, Failed, Forget, SendBack
from actorbus._store import Claimed
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._history import (
    add_failures,
    columns,
    failures,
    storable,
    words_of,
)
from actorbus.stores.postgresql._queries import QUERIES

S = TypeVar("S")

_DIVERT: Final = QUERIES["divert_messages"]
_SEND_BACK: Final = QUERIES["send_back"]
_DROP: Final = QUERIES["drop_failed"]
_BURY: Final = QUERIES["bury_failed"]
_NOTE: Final = QUERIES["note_failed"]
_FAILED: Final = QUERIES["failed_message"]


async def settle(
    connection: Connection, batch: Sequence[tuple[Claimed, Divert | SendBack | Forget]]
) -> set[int]:
    """Write what becomes of messages through error channels.

    Returns the sequences of those that were settled; the claims of the others are stale.
    """
    diverted = [(claimed, what) for claimed, what in batch if isinstance(what, Divert)]
    back = [(claimed, what) for claimed, what in batch if isinstance(what, SendBack)]
    forgotten = [(claimed, what) for claimed, what in batch if isinstance(what, Forget)]
    done = await _divert(connection, diverted)
    done |= await _write(connection, _SEND_BACK, back, lambda _, what: (what.delay,))
    done |= await _write(connection, _DROP, forgotten, lambda *_: ())
    return done


async def _divert(connection: Connection, batch: Sequence[tuple[Claimed, Divert]]) -> set[int]:
    done = await _write(
        connection,
        _DIVERT,
        batch,
        lambda claimed, to: (
            to.channel,
            to.endpoint,
            to.reason.value,
            *words_of(to.failure),
            claimed.attempts + (to.failure is not None),
        ),
    )
    written = [(claimed.copy_id, to.failure) for claimed, to in batch if claimed.sequence in done]
    await add_failures(connection, written)
    return done


async def bury(
    connection: Connection, batch: Sequence[tuple[Claimed, DeadLetter]]
) -> dict[int, str]:
    """Make dead letters of the endpoints where messages failed first.

    Returns, by sequence, whose dead letters they became; the claims of the others are stale.
    """
    if not batch:
        return {}
    rows = [
        (*_key(claimed), letter.reason.value, *words_of(letter.failure))
        for claimed, letter in batch
    ]
    buried = dict(map(tuple, await connection.fetch(_BURY, *columns(rows))))
    notes = [
        (claimed.copy_id, failure)
        for claimed, letter in batch
        if claimed.sequence in buried
        for failure in (letter.failure, letter.note)
    ]
    await add_failures(connection, notes)
    return buried


async def note_failed(connection: Connection, copies: Sequence[tuple[str, Failed]]) -> None:
    """Note where messages failed, by copy id, that never were on a channel."""
    if not copies:
        return
    await connection.execute(_NOTE, *columns([_row(*each) for each in copies]))
    history = [(copy_id, failure) for copy_id, failed in copies for failure in failed.failures]
    await add_failures(connection, history)


async def find(connection: Connection, copy_id: str) -> Failed | None:
    """Return where a message failed, with its history."""
    row = await connection.fetchrow(_FAILED, copy_id)
    if row is None:
        return None
    values: tuple[Any, ...] = (*row, await failures(connection, copy_id))
    return Failed(*values)


def _row(copy_id: str, failed: Failed) -> tuple[object, ...]:
    texts = (failed.exception, failed.exception_message, failed.traceback)
    words = [None if text is None else storable(text) for text in texts]
    where = (copy_id, failed.endpoint, failed.reason)
    return (*where, *words, failed.attempts, failed.failed_at)


async def _write(
    connection: Connection,
    statement: str,
    batch: Sequence[tuple[Claimed, S]],
    values: Callable[[Claimed, S], tuple[object, ...]],
) -> set[int]:
    """Run a statement for a batch; return the sequences of those whose claims held."""
    if not batch:
        return set()
    rows = [(*_key(claimed), *values(claimed, what)) for claimed, what in batch]
    return {sequence for (sequence,) in await connection.fetch(statement, *columns(rows))}


def _key(claimed: Claimed) -> tuple[int, int]:
    return claimed.sequence, claimed.epoch
