"""Filters as SQL: conditions on columns that are names of ours, with their values beside them."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from actorbus._store import DeadLetterFilter, ParkedFilter
from actorbus.stores.postgresql._queries import QUERIES

_LETTERS: Final = {
    "channel": "channel = {}",
    "endpoint": "endpoint = {}",
    "tenant": "tenant = {}",
    "type_name": "type_name = {}",
    "message_id": "message_id = {}",
    "reason": "reason = {}",
    "exception": "exception = {}",
    "copy_ids": "copy_id = ANY({}::text[])",
    "up_to": "number <= {}",
    "died_after": "died_at > {}",
    "died_before": "died_at < {}",
}
_PARKED: Final = {
    "channel": "channel = {}",
    "tenant": "tenant = {}",
    "endpoint": "endpoint = {}",
    "reason": "parked_reason = {}",
}


class Query(NamedTuple):
    """A statement and its values."""

    text: str
    values: tuple[object, ...]


def of_letters(name: str, matching: DeadLetterFilter, *values: object) -> Query:
    """Return a named statement about the dead letters that match; `values` are its own."""
    return _query(name, _LETTERS, matching, values)


def of_parked(name: str, matching: ParkedFilter, *values: object) -> Query:
    """Return a named statement about the messages that match; `values` are its own."""
    return _query(name, _PARKED, matching, values)


def _query(
    name: str,
    conditions: dict[str, str],
    matching: DeadLetterFilter | ParkedFilter,
    values: tuple[object, ...],
) -> Query:
    given = list(_given(conditions, matching))
    numbered = enumerate(given, len(values) + 1)
    texts = [condition.format(f"${number}") for number, (condition, _) in numbered]
    text = QUERIES[name].replace("{matching}", " AND ".join(texts) or "TRUE")
    return Query(text, (*values, *(value for _, value in given)))


def _given(
    conditions: dict[str, str], matching: DeadLetterFilter | ParkedFilter
) -> Iterator[tuple[str, object]]:
    for field, condition in conditions.items():
        value = getattr(matching, field)
        if value is not None:
            yield condition, value
