"""The program that is killed on its way through PostgreSQL and Kafka: each message leaves a row.

A command goes through the outbox and its topic to its handler, which writes a row and publishes an
event; that goes the same way to another topic, and leaves a row too.

Run by `python -m actorbus run tests.faults.durable_app:bus`; its settings are in the environment:

    DURABLE_STORE    the URL of its store
    DURABLE_KAFKA    the brokers
    DURABLE_TOPICS   the topics of commands and events, with a comma between
    DURABLE_DIE      SIGKILL at this fault point, once a command's handler has run
"""

import os
import signal
from dataclasses import dataclass

from actorbus import ActorBus, EventBus, KafkaChannel, Transaction
from actorbus.stores import open_store

NAME = "durable"
TABLES = ("recorded", "echoed")
SESSION = 2.0
LEASE = 1.0


@dataclass(frozen=True)
class SetUp:
    """Make the tables, which have no keys: what took place twice is seen."""


@dataclass(frozen=True)
class Record:
    """A command."""

    number: int


@dataclass(frozen=True)
class Recorded:
    """The event that follows."""

    number: int


class Death:
    """Kills the process at a fault point, once a handler has run."""

    def __init__(self, point):
        self.point = point
        self.near = False

    def __call__(self, point):
        if self.near and point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def make_bus(url, servers, topics, die=""):
    store = open_store(url)
    death = Death(die)
    if die:
        store.fault_points.hook = death
    bus = ActorBus(NAME, store, lease=LEASE)
    for name, topic in zip(("records", "echoes"), topics, strict=True):
        bus.add_channel(
            KafkaChannel(
                name, servers=servers, topic=topic, session_timeout=SESSION, commit_every=0.2
            )
        )

    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        for table in TABLES:
            await tx.execute(f"CREATE TABLE {table} (number INTEGER)")

    @bus.command_handler(channel="records", endpoint_id="record")
    async def record(command: Record, tx: Transaction, events: EventBus) -> None:
        await tx.execute("INSERT INTO recorded VALUES ($1)", command.number)
        await events.publish(Recorded(command.number))
        death.near = True

    @bus.event_handler(channel="echoes", endpoint_id="echo")
    async def echo(event: Recorded, tx: Transaction) -> None:
        await tx.execute("INSERT INTO echoed VALUES ($1)", event.number)

    return bus


bus = make_bus(
    os.environ.get("DURABLE_STORE", "sqlite:///durable.db"),
    os.environ.get("DURABLE_KAFKA", "127.0.0.1:9092"),
    os.environ.get("DURABLE_TOPICS", "records,echoes").split(","),
    os.environ.get("DURABLE_DIE", ""),
)
