"""Rows of the bus's table of messages, as it stores them."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from benchmarks.durable._entries import body
from benchmarks.durable.probes._work import CHANNEL, ENDPOINT, Work

COLUMNS = (
    *("state", "epoch", "attempts", "suspect", "replays", "priority", "due_at", "enqueued_at"),
    *("copy_id", "channel", "endpoint", "tenant", "message_id", "type_name", "content_type"),
    *("headers", "body", "correlation_id", "timestamp"),
)
INSERT = (
    f"INSERT INTO actorbus_messages ({', '.join(COLUMNS)})"
    f" VALUES ({', '.join(f'${number}' for number in range(1, len(COLUMNS) + 1))})"
)


def rows(first: int, count: int) -> Sequence[tuple[Any, ...]]:
    return [_row(number) for number in range(first, first + count)]


def _row(number: int) -> tuple[Any, ...]:
    now = time.time()
    identity = f"{number:032x}"
    return (
        *("ready", 0, 0, False, 0, 0, now, now),
        *(identity, CHANNEL, ENDPOINT, "", identity, "Work", "application/msgpack"),
        *("{}", msgspec.msgpack.encode(Work(body(number))), identity, now),
    )
