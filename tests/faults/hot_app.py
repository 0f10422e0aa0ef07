"""Handlers that all write to the same few rows.

RECORDER_STORE   the URL of its store
RECORDER_GROUP   how many of its transactions may share a commit
"""

import os
from dataclasses import dataclass

from actorbus import ActorBus, Transaction

ROWS = 16


@dataclass(frozen=True)
class SetUp:
    """Make the table."""


@dataclass(frozen=True)
class Add:
    """Add one to a row."""

    row: int


UPSERT = """
INSERT INTO hot (id, total) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET total = hot.total + 1
"""


def make_bus(url, *, lease=10.0, group=1):
    bus = ActorBus("hot", url, lease=lease)
    bus.add_channel("additions", concurrency=10, group_commit=group)

    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        await tx.execute("CREATE TABLE hot (id INTEGER PRIMARY KEY, total INTEGER NOT NULL)")

    @bus.command_handler(channel="additions", endpoint_id="add")
    async def add(command: Add, tx: Transaction) -> None:
        await tx.execute(UPSERT, command.row)

    return bus


bus = make_bus(
    os.environ.get("RECORDER_STORE", ":memory:"), group=int(os.environ.get("RECORDER_GROUP", "1"))
)
