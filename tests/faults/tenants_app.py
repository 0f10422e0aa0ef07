"""A dynamic channel on which one tenant has more to do than it can, and another hardly anything.

RECORDER_STORE   the URL of its store
"""

import os
import time
from dataclasses import dataclass

import trio

from actorbus import ActorBus, DynamicChannel, Headers, Transaction, header

HANDLER = 0.005
"""Seconds."""


@dataclass(frozen=True)
class SetUp:
    """Make the table."""


@dataclass(frozen=True)
class Visit:
    """Of a tenant, sent at this time by the machine's clock."""

    number: int
    sent_at: float


def make_bus(url, *, lease=10.0):
    bus = ActorBus("tenants", url, lease=lease)
    bus.add_channel(DynamicChannel("visits", tenant=header("shop"), workers=10, concurrency=10))

    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        await tx.execute("CREATE TABLE dwelt (number INTEGER, seconds FLOAT)")

    @bus.command_handler(channel="visits", endpoint_id="visit")
    async def visit(command: Visit, headers: Headers, tx: Transaction) -> None:
        """Write how long it was under way; of the other shop nothing is written."""
        seconds = time.time() - command.sent_at
        await trio.sleep(HANDLER)
        if headers.tenant == "small":
            await tx.execute("INSERT INTO dwelt VALUES ($1, $2)", command.number, seconds)

    return bus


bus = make_bus(os.environ.get("RECORDER_STORE", ":memory:"))
