"""Store copies of messages: ready, waiting, held or parked; once per deduplication key.

One statement for all of them: their columns go as arrays. Many that have nothing special are copied
in. The numbers that they get follow the order of the batch.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from operator import attrgetter
from typing import Any, Final

from actorbus._store import Outgoing
from actorbus.stores.postgresql import _copying
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._failed import note_failed
from actorbus.stores.postgresql._history import columns
from actorbus.stores.postgresql._queries import QUERIES

_INSERT_ONE: Final = QUERIES["insert_one"]
_INSERT_PLAIN: Final = QUERIES["insert_plain"]
_APPEND: Final = QUERIES["append"]
_PLAIN: Final = (
    "copy_id",
    "channel",
    "endpoint",
    "tenant",
    "message_id",
    "type_name",
    "content_type",
    "headers",
    "body",
    "correlation_id",
    "causation_id",
    "timestamp",
    "priority",
    "for_endpoint",
)
_PLAIN_COLUMNS: Final[Callable[[Outgoing], tuple[Any, ...]]] = attrgetter(*_PLAIN)
_COLUMNS: Final[Callable[[Outgoing], tuple[Any, ...]]] = attrgetter(
    "copy_id",
    "channel",
    "endpoint",
    "tenant",
    "message_id",
    "type_name",
    "content_type",
    "headers",
    "body",
    "correlation_id",
    "causation_id",
    "timestamp",
    "priority",
    "delay",
    "deliver_at",
    "time_to_live",
    "deduplication_key",
    "on_failure",
    "forwarded",
    "ordering_key",
    "parked",
    "for_endpoint",
)


async def append(connection: Connection, copies: Sequence[Outgoing]) -> tuple[int, set[str]]:
    """Insert those copies that are new; return how many, and the channels that have work now."""
    if not copies:
        return 0, set()
    if not all(map(_is_plain, copies)):
        return await _append(connection, copies)
    rows = list(map(_PLAIN_COLUMNS, copies))
    if len(rows) == 1:
        await connection.execute(_INSERT_ONE, *rows[0])
    elif len(rows) >= _copying.FROM:
        await _copying.copy_in(connection, _PLAIN, rows)
    else:
        await connection.execute(_INSERT_PLAIN, *columns(rows))
    return len(copies), {copy.channel for copy in copies}


async def _append(connection: Connection, copies: Sequence[Outgoing]) -> tuple[int, set[str]]:
    for copy in copies:
        _check_time(copy)
    row = await connection.fetchrow(_APPEND, *columns(list(map(_COLUMNS, copies))))
    assert row is not None  # noqa: S101  it counts, so there is a row
    stored, ready = row
    failed = [(copy.copy_id, copy.failed) for copy in copies if copy.failed is not None]
    await note_failed(connection, failed)
    return stored, set(ready)


def _is_plain(copy: Outgoing) -> bool:
    """Whether a copy has nothing but what all have, and is ready at once."""
    return (
        copy.delay == 0.0
        and copy.deliver_at is None
        and copy.ordering_key is None
        and copy.deduplication_key is None
        and copy.on_failure is None
        and copy.time_to_live is None
        and copy.parked is None
        and copy.failed is None
    )


def _check_time(copy: Outgoing) -> None:
    due = copy.delay if copy.deliver_at is None else copy.deliver_at
    if not isfinite(due):
        raise ValueError(f"copy {copy.copy_id!r}: due at {due!r} is not a time")
