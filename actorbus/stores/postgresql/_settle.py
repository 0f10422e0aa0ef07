"""Write settlements: one statement for all of a kind, guarded by the claims' epochs.

A batch that is handled throughout is one statement, which needs no transaction around it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from actorbus._settlement import (
    ACK,
    Ack,
    DeadLetter,
    Divert,
    Expire,
    Failure,
    Forget,
    Park,
    Release,
    Retry,
    SendBack,
    Settlement,
)
from actorbus._store import Claimed
from actorbus.stores.postgresql import _adopt, _failed, _lines
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._history import add_failures, columns, words_of
from actorbus.stores.postgresql._queries import QUERIES

_ACKNOWLEDGE: Final = QUERIES["acknowledge"]
_RELEASE: Final = QUERIES["release"]
_RETRY: Final = QUERIES["retry"]
_PARK: Final = QUERIES["park_claimed"]
_EXPIRE: Final = QUERIES["expire_claimed"]
_BURY: Final = QUERIES["bury"]
_AFTER_DEATH: Final = QUERIES["after_death"]

STALE: Final = "AB001"
"""The SQLSTATE of `acknowledge_and_commit` when the claim does not hold."""


class Settled(NamedTuple):
    """What became of a batch."""

    stale: set[int]
    """Places in the batch of those that came too late, of which nothing was written."""
    ready: set[str]
    """Channels that have work now because of it."""


class _Part(NamedTuple):
    """What was written of one kind."""

    stale: set[int]
    """Sequences."""
    ready: set[str]


async def settle_batch(
    connection: Connection, batch: Sequence[tuple[Claimed, Settlement]]
) -> Settled:
    """Write settlements; those that came too late are left out, and named."""
    if all(claimed.origin is None for claimed, _ in batch):
        return await _settle_rows(connection, batch)
    left, too_late = await _adopt.take_over(connection, batch)
    rows = await _settle_rows(connection, [each for _, each in left])
    return Settled(too_late | {left[place][0] for place in rows.stale}, rows.ready)


async def _settle_rows(
    connection: Connection, batch: Sequence[tuple[Claimed, Settlement]]
) -> Settled:
    places: dict[tuple[int, int], int] = {}
    stale: set[int] = set()
    by_kind: dict[type[Settlement], list[tuple[Claimed, Settlement]]] = {}
    for place, (claimed, settlement) in enumerate(batch):
        if places.setdefault((claimed.sequence, claimed.epoch), place) != place:
            stale.add(place)  # another one of this batch has settled it
        else:
            by_kind.setdefault(type(settlement), []).append((claimed, settlement))
    if len(by_kind) > 1:
        await _lines.lock(connection, _lines.lines_of(claimed for claimed, _ in batch))
    ready: set[str] = set()
    for kind, some in by_kind.items():
        part = await _settle(connection, kind, some)
        stale.update(
            places[claimed.sequence, claimed.epoch]
            for claimed, _ in some
            if claimed.sequence in part.stale
        )
        ready |= part.ready
    return Settled(stale, ready)


def is_one_statement(batch: Sequence[tuple[Claimed, Settlement]]) -> bool:
    """Whether a batch is settled by one statement, which needs no transaction around it."""
    kinds = {type(settlement) for _, settlement in batch}
    return len(kinds) == 1 and kinds <= {Ack, Release, Park, Expire}


async def acknowledge(connection: Connection, batch: Sequence[Claimed]) -> Settled:
    """Write that all of them are handled."""
    return await settle_batch(connection, [(claimed, ACK) for claimed in batch])


def acknowledge_and_commit(claimed: Claimed) -> str:
    """Return what ends the transaction of a handler in one round trip, as a simple query.

    If the claim does not hold, it fails with the SQLSTATE STALE, and has not committed. Whether
    another message of its ordering key is in turn now is not known: if it has a key, tell its
    channel.
    """
    return f"{acknowledge_text(claimed)}; COMMIT"


def acknowledge_text(claimed: Claimed) -> str:
    """Return the first part of `acknowledge_and_commit`."""
    return f"SELECT actorbus_acknowledge_or_raise({claimed.sequence:d}, {claimed.epoch:d})"


async def _settle(
    connection: Connection, kind: type[Settlement], batch: list[tuple[Claimed, Settlement]]
) -> _Part:
    """Write settlements of one kind. The casts say that all of the batch is of that kind."""
    if kind is Ack:
        return await _write(connection, _ACKNOWLEDGE, [_key(one) for one, _ in batch])
    if kind is Release:
        return await _write(connection, _RELEASE, [(*_key(one), one.attempts) for one, _ in batch])
    if kind is Expire:
        return await _write(connection, _EXPIRE, [_key(one) for one, _ in batch])
    if kind is Retry:
        return await _retry(connection, cast("list[tuple[Claimed, Retry]]", batch))
    if kind is Park:
        parked = cast("list[tuple[Claimed, Park]]", batch)
        rows = [(*_key(one), one.attempts, park.reason) for one, park in parked]
        return await _write(connection, _PARK, rows)
    if kind is DeadLetter:
        return await _bury(connection, cast("list[tuple[Claimed, DeadLetter]]", batch))
    return await _hand_over(
        connection, cast("list[tuple[Claimed, Divert | SendBack | Forget]]", batch)
    )


async def _retry(connection: Connection, batch: list[tuple[Claimed, Retry]]) -> _Part:
    rows = [
        (*_key(one), one.attempts + 1, retry.delay, retry.gives_up_turn) for one, retry in batch
    ]
    part = await _write(connection, _RETRY, rows)
    await _add_failures(connection, part, [(one, retry.failure) for one, retry in batch])
    return part


async def _bury(connection: Connection, batch: list[tuple[Claimed, DeadLetter]]) -> _Part:
    own = [(one, letter) for one, letter in batch if not letter.of_error_channel]
    others = [(one, letter) for one, letter in batch if letter.of_error_channel]
    stale: set[int] = set()
    ready: set[str] = set()
    for part in (await _bury_own(connection, own), await _bury_others(connection, others)):
        stale |= part.stale
        ready |= part.ready
    return _Part(stale, ready)


async def _bury_own(connection: Connection, batch: list[tuple[Claimed, DeadLetter]]) -> _Part:
    rows = [
        (
            *_key(one),
            letter.reason.value,
            *words_of(letter.failure),
            one.attempts + letter.starts,
            letter.parks_key,
        )
        for one, letter in batch
    ]
    if not rows:
        return _Part(set(), set())
    part = await _write(connection, _BURY, rows)
    await _add_failures(connection, part, [(one, letter.failure) for one, letter in batch])
    return part


async def _bury_others(connection: Connection, batch: list[tuple[Claimed, DeadLetter]]) -> _Part:
    """Make dead letters of the endpoints where messages failed first."""
    endpoints = await _failed.bury(connection, batch)
    rows = [
        (
            *_lines.turn_of(one),
            endpoints[one.sequence],
            one.deduplication_key,
            letter.parks_key,
        )
        for one, letter in batch
        if one.sequence in endpoints
    ]
    ready = set(await connection.fetchval(_AFTER_DEATH, *columns(rows))) if rows else set()
    return _Part({one.sequence for one, _ in batch} - endpoints.keys(), ready)


async def _hand_over(
    connection: Connection, batch: list[tuple[Claimed, Divert | SendBack | Forget]]
) -> _Part:
    """Write what becomes of messages through error channels."""
    done = await _failed.settle(connection, batch)
    written = [(one, what) for one, what in batch if one.sequence in done]
    ready = await _lines.settled(connection, written)
    for _, what in written:
        if isinstance(what, Divert) or (isinstance(what, SendBack) and what.delay == 0.0):
            ready.add(what.channel)
    return _Part({one.sequence for one, _ in batch} - done, ready)


async def _write(
    connection: Connection, statement: str, rows: Sequence[tuple[object, ...]]
) -> _Part:
    row = await connection.fetchrow(statement, *columns(rows))
    assert row is not None  # noqa: S101  each of these statements returns one row
    stale, ready = row
    return _Part(set(stale), set(ready))


async def _add_failures(
    connection: Connection, part: _Part, batch: Sequence[tuple[Claimed, Failure | None]]
) -> None:
    written = [(one.copy_id, failure) for one, failure in batch if one.sequence not in part.stale]
    await add_failures(connection, written)


def _key(claimed: Claimed) -> tuple[int, int]:
    return claimed.sequence, claimed.epoch
