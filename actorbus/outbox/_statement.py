"""SQL that stores messages, for drivers of any kind: one row of parameters for each copy."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, get_args

from actorbus._store import Outgoing

Placeholders = Literal["format", "numeric", "named"]

COLUMNS: Final[Mapping[str, str]] = {
    "copy_id": "text",
    "channel": "text",
    "endpoint": "text",
    "tenant": "text",
    "message_id": "text",
    "type_name": "text",
    "content_type": "text",
    "headers": "text",
    "body": "bytea",
    "correlation_id": "text",
    "causation_id": "text",
    "timestamp": "double precision",
    "priority": "integer",
    "delay": "double precision",
    "deliver_at": "double precision",
    "time_to_live": "double precision",
    "deduplication_key": "text",
    "on_failure": "text",
    "forwarded": "boolean",
    "ordering_key": "text",
    "parked": "text",
    "for_endpoint": "text",
}
"""The parameters of the function `actorbus_append`, each an array; here of one copy."""

_MARKS: Final[Mapping[str, Callable[[int, str], str]]] = {
    "format": lambda _number, _name: "%s",
    "numeric": lambda number, _name: f"${number}",
    "named": lambda _number, name: f":{name}",
}


def statement(copies: Sequence[Outgoing], placeholders: Placeholders) -> tuple[str, list[Any]]:
    """Return the SQL with these placeholders, and its rows. Raises ValueError for other ones."""
    mark = _MARKS.get(placeholders)
    if mark is None:
        allowed = " or ".join(map(repr, get_args(Placeholders)))
        raise ValueError(f"placeholders={placeholders!r} is not allowed: give {allowed}")
    marks = (
        f"ARRAY[CAST({mark(number, name)} AS {kind})]"
        for number, (name, kind) in enumerate(COLUMNS.items(), 1)
    )
    rows: list[Any] = [{name: getattr(copy, name) for name in COLUMNS} for copy in copies]
    if placeholders != "named":
        rows = [tuple(row.values()) for row in rows]
    return f"SELECT actorbus_append({', '.join(marks)})", rows
