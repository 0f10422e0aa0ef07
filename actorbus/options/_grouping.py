"""How many transactions of an endpoint may share a commit: `group_commit=`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from actorbus.options._options import Checked, is_whole

LARGEST_GROUP: Final = 50
"""Savepoints of one transaction: with more than 64 PostgreSQL gets slower for everybody."""


def group_faults(value: object) -> Iterator[str]:
    """Say what is wrong with a number of transactions that share a commit."""
    if not is_whole(value) or not 1 <= value <= LARGEST_GROUP:
        allowed = f"a whole number from 1 to {LARGEST_GROUP}"
        yield f"group_commit={value!r} is not allowed: give {allowed}"


def checked_group(given: Mapping[str, Any], checked: Checked) -> int | None:
    """Return a handler's option; what is wrong with it is added to `checked.problems`."""
    value: int | None = given.get("group_commit")
    faults = [] if value is None else list(group_faults(value))
    checked.problems += faults
    return None if faults else value
