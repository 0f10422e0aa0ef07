"""Messages of a broker, which no row stands for: the inbox, and how they become rows.

Rules:
 1. A message is known by its id and endpoint. Its row in the inbox says that it is done with here:
    handled, or in the store from now on. With an owner it says who is handling it.
 2. The row is written in the transaction that makes it true. Who comes second finds it there, or
    waits for the first: that transaction is undone, as for a claim that was taken back.
 3. What is not simply handled becomes a row of the store, in the same transaction as what is to
    become of it.
 4. Rows of the inbox are written in one order, so that no two transactions wait for each other.
"""

from collections.abc import Collection, Sequence
from typing import Final

from msgspec.structs import replace

from actorbus._settlement import Ack, Release, Settlement
from actorbus._states import State
from actorbus._store import Claimed, Received
from actorbus.stores._adopted import ADOPTED, Place, begun_places
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._history import columns
from actorbus.stores.postgresql._queries import QUERIES

_HOLDS_LEASE: Final = QUERIES["holds_lease"]
_INBOX: Final = QUERIES["inbox"]
_RUNNING: Final = QUERIES["note_running"]
_DONE: Final = QUERIES["note_done"]
_DONE_ANYWAY: Final = QUERIES["note_done_anyway"]
_NOT_BEGUN: Final = QUERIES["note_not_begun"]
_OWNER_GONE: Final = QUERIES["note_owner_gone"]
_NOTE_BEGUN: Final = QUERIES["note_begun"]
_BEGUN: Final = QUERIES["begun"]
_HANDED_OVER: Final = QUERIES["handed_over"]
_STORED: Final = QUERIES["keys_stored"]
_ADOPT: Final = QUERIES["adopt_messages"]
_TAKE_KEYS: Final = QUERIES["take_keys"]
_LINE_UP: Final = QUERIES["line_up"]

Row = tuple[str, str]
"""What the inbox knows a message by: its endpoint, and its id."""


def _row(message: Claimed) -> Row:
    return message.endpoint, message.inbox_key


# -- settlement ---------------------------------------------------------------------------------


async def take_over(
    connection: Connection, batch: Sequence[tuple[Claimed, Settlement]]
) -> tuple[list[tuple[int, tuple[Claimed, Settlement]]], set[int]]:
    """Note in the inbox what is settled of a broker's messages.

    Returns what is left to be settled as rows, with its place in the batch, and the places of those
    that came too late.
    """
    left = [(place, each) for place, each in enumerate(batch) if each[0].origin is None]
    first: dict[Row, int] = {}
    stale: set[int] = set()
    for place, (claimed, settlement) in enumerate(batch):
        if claimed.origin is None or type(settlement) is Release:
            continue
        if first.setdefault(_row(claimed), place) != place:
            stale.add(place)  # another one of this batch has settled it
    done = await _note_done(connection, [batch[place][0] for place in first.values()])
    stale.update(place for row, place in first.items() if row not in done)
    adopted = [
        place for row, place in first.items() if row in done and type(batch[place][1]) is not Ack
    ]
    rows = await _insert(connection, [batch[place][0] for place in adopted], State.CLAIMED)
    await _take_keys(connection, rows)
    left += [(place, (row, batch[place][1])) for place, row in zip(adopted, rows, strict=True)]
    return left, stale


async def _note_done(connection: Connection, messages: Sequence[Claimed]) -> set[Row]:
    """Note that messages are done with; return those that were not, and were not another's."""
    if not messages:
        return set()
    owner = next((one.inbox_owner for one in messages if one.inbox_owner is not None), None)
    rows = sorted({_row(one) for one in messages})
    return set(map(tuple, await connection.fetch(_DONE, *columns(rows), owner)))


async def note_running(connection: Connection, claimed: Claimed) -> bool:
    """Note who handles a message; False if it is done, or in the hands of another that lives."""
    return bool(await _note_running(connection, claimed.inbox_owner or "", [claimed]))


async def _take_keys(connection: Connection, rows: Sequence[Claimed]) -> None:
    """Put messages in turn whose ordering keys are free."""
    keyed = [
        (one.channel, one.endpoint, one.tenant, one.ordering_key, one.sequence)
        for one in rows
        if one.ordering_key is not None
    ]
    if keyed:
        await connection.execute(_TAKE_KEYS, *columns(sorted(keyed)))


# -- arrival ------------------------------------------------------------------------------------


async def receive(
    connection: Connection,
    me: str,
    group: str,
    batch: Sequence[Claimed],
    noting: Collection[str],
) -> Received:
    """Sort messages by what is known of them, and note that they may be begun from now on."""
    received = Received([], [], [], [])
    if not batch:
        return received
    if await connection.fetchval(_HOLDS_LEASE, me) is None:
        received.busy.extend(batch)
        return received
    rows = await connection.fetch(_INBOX, *columns([_row(one) for one in batch]))
    known = {place: (owner, lives) for place, owner, lives in rows}
    stored = await _behind_stored(connection, batch)
    left: list[Claimed] = []
    gone: set[Row] = set()
    for place, one in enumerate(batch):
        owner, lives = known.get(place, ("", False))
        if owner is None:
            received.handled.append(one)
        elif lives and owner != me:
            received.busy.append(one)
        elif place in stored:
            received.stored.append(replace(one, inbox_owner=me))
        else:
            left.append(replace(one, inbox_owner=me))
            if owner and not lives and one.endpoint not in noting:
                gone.add(_row(one))
    if gone:
        await connection.execute(_OWNER_GONE, *columns(sorted(gone)))
    noted = [one for one in left if one.endpoint in noting]
    mine = await _note_running(connection, me, noted)
    for one in left:  # another process may just have noted the same
        taken = one.endpoint not in noting or _row(one) in mine
        (received.fresh if taken else received.busy).append(one)
    await _note_begun(connection, group, received.fresh, me)
    return received


async def _note_running(connection: Connection, me: str, messages: Sequence[Claimed]) -> set[Row]:
    if not messages:
        return set()
    rows = sorted({_row(one) for one in messages})
    return set(map(tuple, await connection.fetch(_RUNNING, *columns(rows), me)))


async def _behind_stored(connection: Connection, batch: Sequence[Claimed]) -> set[int]:
    """Return the places of those whose ordering key has messages in the store."""
    keyed = [
        (place, one.channel, one.endpoint, one.tenant, one.ordering_key)
        for place, one in enumerate(batch)
        if one.ordering_key is not None
    ]
    if not keyed:
        return set()
    return {place for (place,) in await connection.fetch(_STORED, *columns(keyed))}


async def _note_begun(
    connection: Connection, group: str, fresh: Sequence[Claimed], me: str
) -> None:
    begun = begun_places(fresh)
    if begun:
        rows = sorted((*place, offset) for place, offset in begun.items())
        await connection.execute(_NOTE_BEGUN, *columns(rows), group, me)


async def begun(connection: Connection, group: str, me: str) -> dict[Place, int]:
    """Return how far others came that did not hand their partitions over."""
    rows = await connection.fetch(_BEGUN, group, me)
    return {(topic, partition): offset for topic, partition, offset in rows}


async def hand_over(
    connection: Connection,
    me: str,
    group: str,
    places: Sequence[Place],
    *,
    unstarted: Sequence[Claimed],
    running: Sequence[Claimed],
) -> None:
    """Note that partitions are given up in order, and what of them is handled here still."""
    if unstarted:
        rows = sorted({_row(one) for one in unstarted})
        await connection.execute(_NOT_BEGUN, *columns(rows), me)
    await _note_running(connection, me, running)
    if places:
        await connection.execute(_HANDED_OVER, *columns(sorted(places)), group, me)


# -- adoption -----------------------------------------------------------------------------------


async def adopt(connection: Connection, batch: Sequence[Claimed]) -> tuple[int, set[str]]:
    """Take messages over into the store that are not done with.

    Returns how many those were, and the channels that have work now.
    """
    messages = {_row(one): one for one in reversed(batch)}
    if not messages:
        return 0, set()
    rows = sorted(messages)
    done = set(map(tuple, await connection.fetch(_DONE_ANYWAY, *columns(rows))))
    fresh = [one for row, one in reversed(messages.items()) if row in done]
    stored = await _insert(connection, fresh, State.READY)
    keyed = [one.sequence for one in stored if one.ordering_key is not None]
    if keyed:
        await connection.execute(_LINE_UP, keyed)
    return len(fresh), {one.channel for one in fresh}


async def _insert(
    connection: Connection, messages: Sequence[Claimed], state: State
) -> list[Claimed]:
    """Store messages, in their order; return them with their numbers."""
    if not messages:
        return []
    rows = list(map(ADOPTED, messages))
    owner = messages[0].inbox_owner or "" if state is State.CLAIMED else None
    numbers = [row[0] for row in await connection.fetch(_ADOPT, state.value, owner, *columns(rows))]
    return [
        replace(one, sequence=sequence, epoch=0, origin=None)
        for one, sequence in zip(messages, sorted(numbers), strict=True)
    ]
