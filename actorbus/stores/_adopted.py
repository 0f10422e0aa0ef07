"""What every kind of store writes down of a message that came from a broker."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final

from actorbus._store import Claimed

Place = tuple[str, int]
"""A topic and the number of a partition of it."""

ADOPTED: Final[Callable[[Claimed], tuple[Any, ...]]] = attrgetter(
    "suspect",
    "due_at",
    "expires_at",
    "enqueued_at",
    "copy_id",
    "channel",
    "endpoint",
    "tenant",
    "message_id",
    "type_name",
    "content_type",
    "correlation_id",
    "causation_id",
    "timestamp",
    "deduplication_key",
    "on_failure",
    "headers",
    "body",
    "ordering_key",
)
"""The values of a message that is taken over, in the order that the stores insert them in."""


def begun_places(messages: Iterable[Claimed]) -> dict[Place, int]:
    """Return the offset after the last of these messages, for each partition that they are of."""
    begun: dict[Place, int] = {}
    for one in messages:
        if one.origin is not None:
            place = one.origin.topic, one.origin.partition
            begun[place] = max(begun.get(place, 0), one.origin.offset + 1)
    return begun
