"""The program of the fault tests: each message leaves a row, and so does the event it causes.

Run by `python -m actorbus run tests.faults.recorder_app:bus`; its settings are in the environment:

    RECORDER_STORE    the URL of its store
    RECORDER_KAFKA    brokers; then records go through the outbox and Kafka
    RECORDER_TOPIC    the topic
    RECORDER_CONCURRENCY, RECORDER_LEASE, RECORDER_SHUTDOWN   as on the bus and the channel
    RECORDER_CLOCK    seconds that this process's wall clock is off
    RECORDER_DIE      NUMBER@POINT: SIGKILL at this fault point, after the handler of this message
    RECORDER_FAST     a file: once it is there, no message pauses any more
"""

import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import trio

from actorbus import ActorBus, EventBus, KafkaChannel, Transaction
from actorbus.stores import open_store

TABLES = ("recorded", "echoed")


@dataclass(frozen=True)
class Settings:
    """What the environment says, and what tests give to their own bus."""

    store: str = ":memory:"
    kafka: str = ""
    topic: str = "records"
    concurrency: int = 10
    lease: float = 1.0
    shutdown: float = 5.0
    clock: float = 0.0
    die: str = ""
    fast: str = ""

    @classmethod
    def of(cls, environment):
        """Read those that are there."""
        texts = {
            name: environment.get(f"RECORDER_{name.upper()}") for name in cls.__dataclass_fields__
        }
        given = {name: text for name, text in texts.items() if text is not None}
        return msgspec.convert(given, cls, strict=False)


@dataclass(frozen=True)
class SetUp:
    """Make the tables, which have no keys: what took place twice is seen."""


@dataclass(frozen=True)
class Record:
    """A command; its handler takes `pause` seconds, with its row written but not committed.

    `idle`: seconds that it takes before that, once it has said that it began. `hot`: it adds 1 to
    a row that all such messages share, and says so. `later`: seconds until the event that follows
    is handled. `load`: so that it is large.
    """

    number: int
    pause: float = 0.0
    idle: float = 0.0
    hot: bool = False
    later: float = 0.0
    load: bytes = b""


@dataclass(frozen=True)
class Recorded:
    """The event that follows."""

    number: int


class Death:
    """Kills the process at a fault point that is passed after a certain message."""

    def __init__(self, text):
        number, _, self.point = text.partition("@")
        self.number = int(number or -1)
        self.near = self.point in {"claim committed", "claimed"}

    def handling(self, number):
        self.near = self.near or number == self.number

    def __call__(self, point):
        if self.near and point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


class Pause:
    """Sleeps, unless a file is there that says that all shall be fast now."""

    def __init__(self, fast):
        self.fast = Path(fast) if fast else None

    async def __call__(self, seconds):
        if seconds and not (self.fast and self.fast.exists()):
            await trio.sleep(seconds)


def make_bus(settings):
    store = open_store(settings.store)
    death = Death(settings.die)
    if settings.die:
        store.fault_points.hook = death
    bus = ActorBus("recorder", store, lease=settings.lease, shutdown_timeout=settings.shutdown)
    limits = {"concurrency": settings.concurrency}
    if settings.kafka:
        kafka = {"servers": settings.kafka, "topic": settings.topic, "session_timeout": 2.0}
        bus.add_channel(KafkaChannel("records", **kafka, **limits))
    else:
        bus.add_channel("records", **limits)
    bus.add_channel("echoes", **limits)
    declare_handlers(bus, death, Pause(settings.fast))
    return bus


def declare_handlers(bus, death, pause):
    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        for table in TABLES:
            await tx.execute(f"CREATE TABLE {table} (number INTEGER, pid INTEGER)")
        await tx.execute("CREATE TABLE hot (count INTEGER)")
        await tx.execute("INSERT INTO hot VALUES (0)")

    @bus.command_handler(channel="records", endpoint_id="record")
    async def record(command: Record, tx: Transaction, events: EventBus) -> None:
        if command.idle:
            print("began", flush=True)
        await pause(command.idle)
        await insert(tx, "recorded", command.number)
        if command.hot:
            await tx.execute("UPDATE hot SET count = count + 1")
            print("holding", flush=True)
        await pause(command.pause)
        await events.publish(Recorded(command.number), delay=command.later)
        if death.point == "before ack":  # offsets of others may be committed before this message is
            tx.after_commit(partial(death.handling, command.number))
        else:
            death.handling(command.number)

    @bus.event_handler(channel="echoes", endpoint_id="echo")
    async def echo(event: Recorded, tx: Transaction) -> None:
        await insert(tx, "echoed", event.number)


async def insert(tx, table, number):
    await tx.execute(f"INSERT INTO {table} (number, pid) VALUES ($1, $2)", number, os.getpid())


def set_clock(seconds):
    """Let this process's wall clock be off."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)


settings = Settings.of(os.environ)
if settings.clock:
    set_clock(settings.clock)
bus = make_bus(settings)
