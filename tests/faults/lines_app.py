"""Messages of ordering keys whose handlers fail now and then, and say what they saw.

RECORDER_STORE   the URL of its store
RECORDER_KAFKA   brokers; then messages go through a combined channel, an outbox and Kafka
RECORDER_TOPIC   the topic
RECORDER_LEASE   seconds
RECORDER_SEED    of the failures
"""

import os
import random
from dataclasses import dataclass
from typing import Any

import trio

from actorbus import ActorBus, CombinedChannel, KafkaChannel, Retry, Transaction, field

FAILING = 0.1
"""How many of the starts fail."""

MOVED = """
    INSERT INTO moved (key, number, before, alone)
    SELECT $1, $2,
        (SELECT coalesce(max(number), -1) FROM moved WHERE key = $1),
        pg_try_advisory_xact_lock(1, hashtext($1)) OR NOT EXISTS (
            SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE locktype = 'advisory' AND classid = 1 AND objid = hashtext($1)::oid
                AND granted AND backend_xid IS NOT NULL
        )
"""
"""The server lets go of a transaction's locks a little after others see what it has committed: who
has the lock counts as running as long as its transaction has a number."""


@dataclass(frozen=True)
class SetUp:
    """Make the table."""


@dataclass(frozen=True)
class Move:
    """The `number`th movement of a key."""

    key: str
    number: int


def make_bus(url, *, lease=10.0, seed=0, kafka="", topic="lines"):
    draws = random.Random(seed)
    bus = ActorBus("lines", url, lease=lease)
    retry = Retry(attempts=200, initial=0.01, factor=1.5, maximum=0.1)
    in_order: dict[str, Any] = {"ordering_key": field("key"), "retry": retry}
    if kafka:
        in_order |= {"servers": kafka, "topic": topic, "session_timeout": 1.0, "commit_every": 0.2}
        bus.add_channel(KafkaChannel("kafka", **in_order))
        bus.add_channel(CombinedChannel(["outbox", "kafka"], name="lines"))
    else:
        bus.add_channel("lines", **in_order)

    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        await tx.execute(
            "CREATE TABLE moved"
            " (place SERIAL, key TEXT, number INTEGER, before INTEGER, alone BOOLEAN)"
        )

    @bus.command_handler(channel="lines", endpoint_id="move")
    async def move(command: Move, tx: Transaction) -> None:
        """Write which movement was committed last, and whether no other of its key is running."""
        await tx.execute(MOVED, command.key, command.number)
        await trio.sleep(draws.uniform(0.0, 0.005))
        if draws.random() < FAILING:
            raise ArithmeticError("now and then")

    return bus


bus = make_bus(
    os.environ.get("RECORDER_STORE", ":memory:"),
    lease=float(os.environ.get("RECORDER_LEASE", "1")),
    seed=os.environ.get("RECORDER_SEED", "0"),
    kafka=os.environ.get("RECORDER_KAFKA", ""),
    topic=os.environ.get("RECORDER_TOPIC", "lines"),
)
