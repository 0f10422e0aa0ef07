"""Messages of a broker, which no row stands for: the inbox, and how they become rows.

Rules:
 1. A message is known by its id and endpoint. Its row in the inbox says that it is done with here:
    handled, or in the store from now on. With an owner it says who is handling it.
 2. The row is written in the transaction that makes it true. Who comes second finds it there: that
    transaction is undone, as for a claim that was taken back.
 3. What is not simply handled becomes a row of the store, in the same transaction as what is to
    become of it.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from msgspec.structs import replace

from actorbus._states import State
from actorbus._store import Claimed, Received
from actorbus.stores._adopted import ADOPTED, Place, begun_places
from actorbus.stores.sqlite import _lines
from actorbus.stores.sqlite._leases import Lease
from actorbus.stores.sqlite._queries import QUERIES

_INBOX: Final = QUERIES["inbox"]
_RUNNING: Final = QUERIES["note_running"]
_DONE: Final = QUERIES["note_done"]
_DONE_ANYWAY: Final = QUERIES["note_done_anyway"]
_NOT_BEGUN: Final = QUERIES["note_not_begun"]
_NOTE_BEGUN: Final = QUERIES["note_begun"]
_BEGUN: Final = QUERIES["begun"]
_HANDED_OVER: Final = QUERIES["handed_over"]
_STORED: Final = QUERIES["keys_stored"]
_ADOPT: Final = QUERIES["adopt_message"]


# -- settlement ---------------------------------------------------------------------------------


def note_done(cursor: sqlite3.Cursor, claimed: Claimed, now: float) -> bool:
    """Note that a message is done with; False if it was, or is another process's by now."""
    values = (claimed.endpoint, claimed.inbox_key, now, claimed.inbox_owner)
    return cursor.execute(_DONE, values).rowcount > 0


def note_running(cursor: sqlite3.Cursor, claimed: Claimed, now: float) -> bool:
    """Note who handles a message; False if it is done, or in the hands of another that lives."""
    values = (claimed.endpoint, claimed.inbox_key, now, claimed.inbox_owner)
    return cursor.execute(_RUNNING, values).rowcount > 0


def take_over(cursor: sqlite3.Cursor, claimed: Claimed) -> Claimed:
    """Make a row of a message that is being settled, as if it had been claimed here."""
    state, owner = State.CLAIMED, claimed.inbox_owner or ""
    sequence = _insert(cursor, claimed, state, owner)
    if claimed.ordering_key is not None:
        line = _line(claimed, claimed.ordering_key)
        if not _lines.is_taken(cursor, line):
            _lines.take(cursor, line, sequence)
    return replace(claimed, sequence=sequence, epoch=0, origin=None)


# -- arrival ------------------------------------------------------------------------------------


def receive(
    cursor: sqlite3.Cursor,
    lease: Lease,
    group: str,
    batch: Sequence[Claimed],
    *,
    noting: Collection[str],
    now: float,
) -> Received:
    """Sort messages by what is known of them, and note that they may be begun from now on."""
    received = Received([], [], [], [])
    if not lease.is_held(cursor):
        received.busy.extend(batch)
        return received
    me = lease.process.process_id
    known = _known(cursor, batch)
    stored = _behind_stored(cursor, batch)
    running: list[tuple[str, str, float, str]] = []
    for place, one in enumerate(batch):
        owner, lives = known.get(place, ("", False))
        if owner is None:
            received.handled.append(one)
        elif lives and owner != me:
            received.busy.append(one)
        elif place in stored:
            received.stored.append(replace(one, inbox_owner=me))
        else:
            received.fresh.append(replace(one, inbox_owner=me))
            if one.endpoint in noting:
                running.append((one.endpoint, one.inbox_key, now, me))
            elif owner and not lives:
                cursor.execute(_NOT_BEGUN, (one.endpoint, one.inbox_key, owner))
    cursor.executemany(_RUNNING, running)
    _note_begun(cursor, group, received.fresh, me, now)
    return received


def _known(cursor: sqlite3.Cursor, batch: Sequence[Claimed]) -> dict[int, tuple[str | None, bool]]:
    """Return who has known messages in hand (None: they are done), by their place in the batch."""
    wanted = json.dumps([(one.endpoint, one.inbox_key) for one in batch])
    rows = cursor.execute(_INBOX, (wanted,)).fetchall()
    return {place: (owner, bool(lives)) for place, owner, lives in rows}


def _behind_stored(cursor: sqlite3.Cursor, batch: Sequence[Claimed]) -> set[int]:
    """Return the places of those whose ordering key has messages in the store."""
    wanted = [(one.channel, one.endpoint, one.tenant, one.ordering_key) for one in batch]
    if all(one.ordering_key is None for one in batch):
        return set()
    return {place for (place,) in cursor.execute(_STORED, (json.dumps(wanted),)).fetchall()}


def _note_begun(
    cursor: sqlite3.Cursor, group: str, fresh: Sequence[Claimed], me: str, now: float
) -> None:
    begun = begun_places(fresh)
    rows = [(group, *place, me, offset, now) for place, offset in begun.items()]
    cursor.executemany(_NOTE_BEGUN, rows)


def begun(cursor: sqlite3.Cursor, group: str, me: str) -> dict[Place, int]:
    """Return how far others came that did not hand their partitions over."""
    rows = cursor.execute(_BEGUN, (group, me)).fetchall()
    return {(topic, partition): offset for topic, partition, offset in rows}


def hand_over(
    cursor: sqlite3.Cursor,
    me: str,
    group: str,
    places: Sequence[Place],
    *,
    unstarted: Sequence[Claimed],
    running: Sequence[Claimed],
    now: float,
) -> None:
    """Note that partitions are given up in order, and what of them is handled here still."""
    cursor.executemany(
        _NOT_BEGUN, [(one.endpoint, one.inbox_key, one.inbox_owner) for one in unstarted]
    )
    cursor.executemany(_RUNNING, [(one.endpoint, one.inbox_key, now, me) for one in running])
    cursor.executemany(_HANDED_OVER, [(group, *place, me) for place in places])


# -- adoption -----------------------------------------------------------------------------------


def adopt(cursor: sqlite3.Cursor, batch: Sequence[Claimed], now: float, ready: set[str]) -> int:
    """Take messages over into the store that are not done with; return how many those were."""
    count = 0
    for one in batch:
        values = (one.endpoint, one.inbox_key, now)
        if cursor.execute(_DONE_ANYWAY, values).rowcount == 0:
            continue
        count += 1
        ready.add(one.channel)
        sequence = _insert(cursor, one, State.READY, None)
        if one.ordering_key is not None:
            _lines.line_up(cursor, _line(one, one.ordering_key), sequence)
    return count


def _insert(cursor: sqlite3.Cursor, one: Claimed, state: State, owner: str | None) -> int:
    row = (
        state.value,
        owner,
        *ADOPTED(one),
    )
    sequence = cursor.execute(_ADOPT, row).lastrowid
    assert sequence is not None  # noqa: S101  a row was inserted
    return sequence


def _line(one: Claimed, key: str) -> _lines.Line:
    return _lines.Line(one.channel, one.endpoint, one.tenant, key)
