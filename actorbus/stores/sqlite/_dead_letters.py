"""Dead letters: find, show, replay, edit, delete."""

import sqlite3
from operator import itemgetter
from typing import Any, Final

import msgspec

from actorbus._store import (
    DeadLetterFilter,
    DeadLetterGroup,
    DeadLetterNotFound,
    DeadLetterRow,
)
from actorbus.stores.sqlite import _lines
from actorbus.stores.sqlite._history import failures
from actorbus.stores.sqlite._lines import Line
from actorbus.stores.sqlite._queries import QUERIES

_TEXTS: Final = (
    "channel",
    "endpoint",
    "tenant",
    "type_name",
    "message_id",
    "reason",
    "exception",
)


def find(
    cursor: sqlite3.Cursor,
    matching: DeadLetterFilter,
    *,
    limit: int,
    after: int,
    bodies: bool = True,
) -> list[DeadLetterRow]:
    """Return a page of dead letters, oldest first, without their histories."""
    values = {**_values(matching), "limit": limit, "after": after, "bodies": bodies}
    rows = cursor.execute(_query("dead_letters", matching), values)
    names = [column[0] for column in rows.description]
    return [DeadLetterRow(**dict(zip(names, row, strict=True))) for row in rows.fetchall()]


def show(cursor: sqlite3.Cursor, copy_id: str) -> DeadLetterRow:
    """Return one with its history."""
    found = find(cursor, DeadLetterFilter(copy_ids=(copy_id,)), limit=1, after=0)
    if not found:
        raise DeadLetterNotFound(f"no dead letter has the copy id {copy_id!r}")
    return msgspec.structs.replace(found[0], failures=failures(cursor, copy_id))


def count(cursor: sqlite3.Cursor, matching: DeadLetterFilter) -> int:
    """Return how many match."""
    (number,) = cursor.execute(_query("count_dead_letters", matching), _values(matching)).fetchone()
    return int(number)


def newest(cursor: sqlite3.Cursor) -> int:
    """Return the number of the one that died last, 0 if there is none."""
    (number,) = cursor.execute(QUERIES["newest_dead_letter"]).fetchone()
    return int(number)


def groups(
    cursor: sqlite3.Cursor, matching: DeadLetterFilter, *, limit: int
) -> list[DeadLetterGroup]:
    """Return how many match of each kind, the largest groups first."""
    values = {**_values(matching), "limit": limit}
    rows = cursor.execute(_query("dead_letter_groups", matching), values).fetchall()
    return [DeadLetterGroup(*row) for row in rows]


def replay(
    cursor: sqlite3.Cursor,
    matching: DeadLetterFilter,
    now: float,
    ready: set[str],
    limit: int | None = None,
) -> int:
    """Make messages of those that match; their histories stay, should they fail again."""
    if limit is not None:
        matching = _first(cursor, matching, limit)
    values = _values(matching)
    rows = cursor.execute(_query("revive", matching), {**values, "now": now}).fetchall()
    cursor.execute(_query("delete_dead_letters", matching), values)
    for channel, sequence, endpoint, tenant, key, copy_id in sorted(rows, key=itemgetter(1)):
        ready.add(channel)
        if key is not None:
            line = Line(channel, endpoint, tenant, key)
            _lines.line_up_again(cursor, line, sequence, copy_id)
    return len(rows)


def delete(cursor: sqlite3.Cursor, matching: DeadLetterFilter, ready: set[str]) -> int:
    """Delete those that match, with their histories; what they held up goes on."""
    values = _values(matching)
    for row in cursor.execute(_query("parked_keys", matching), values).fetchall():
        if _lines.pass_on(cursor, Line(*row)):
            ready.add(row[0])
    cursor.execute(_query("delete_histories", matching), values)
    cursor.execute(_query("delete_failed_of_letters", matching), values)
    return cursor.execute(_query("delete_dead_letters", matching), values).rowcount


def edit(cursor: sqlite3.Cursor, copy_id: str, body: bytes | None, headers: str | None) -> None:
    """Replace body or headers."""
    changed = cursor.execute(QUERIES["edit_dead_letter"], (body, headers, copy_id)).rowcount
    if not changed:
        raise DeadLetterNotFound(f"no dead letter has the copy id {copy_id!r}")


def _first(cursor: sqlite3.Cursor, matching: DeadLetterFilter, limit: int) -> DeadLetterFilter:
    """Return a filter for the oldest of those that match."""
    values = {**_values(matching), "limit": limit}
    rows = cursor.execute(_query("oldest_dead_letters", matching), values).fetchall()
    last = rows[-1][0] if rows else 0
    return msgspec.structs.replace(matching, up_to=last)


def _query(name: str, matching: DeadLetterFilter) -> str:
    return QUERIES[name].replace("{matching}", " AND ".join(_conditions(matching)))


def _conditions(matching: DeadLetterFilter) -> list[str]:
    """Return conditions whose values are bound by `_values`; columns are names of ours."""
    conditions = [f"{name} = :{name}" for name in _TEXTS if getattr(matching, name) is not None]
    if matching.copy_ids is not None:
        conditions.append("copy_id IN (SELECT value FROM json_each(:copy_ids))")
    if matching.up_to is not None:
        conditions.append("number <= :up_to")
    if matching.died_after is not None:
        conditions.append("died_at > :died_after")
    if matching.died_before is not None:
        conditions.append("died_at < :died_before")
    return conditions or ["TRUE"]


def _values(matching: DeadLetterFilter) -> dict[str, Any]:
    values = msgspec.structs.asdict(matching)
    if matching.copy_ids is not None:
        values["copy_ids"] = msgspec.json.encode(matching.copy_ids).decode()
    return values
