"""The program that is killed in fault tests: each message leaves a row, and so does its event.

Run by `python -m actorbus run tests.faults.recorder_app:bus`; its settings are in the environment:

    RECORDER_STORE   the URL of its store
    RECORDER_LEASE   seconds
    RECORDER_DIE     NUMBER@POINT: SIGKILL at this fault point, after the handler of this message
"""

import os
import signal
from dataclasses import dataclass

import trio

from actorbus import ActorBus, EventBus, Transaction
from actorbus.stores import open_store

TABLES = ("recorded", "echoed")


@dataclass(frozen=True)
class SetUp:
    """Make the tables, which have no keys: what took place twice is seen."""


@dataclass(frozen=True)
class Record:
    """A command; its handler takes `pause` seconds."""

    number: int
    pause: float = 0.0


@dataclass(frozen=True)
class Recorded:
    """The event that follows."""

    number: int


class Death:
    """Kills the process at a fault point that is passed after a certain message."""

    def __init__(self, text):
        number, _, self.point = text.partition("@")
        self.number = int(number or -1)
        self.near = self.point == "claim committed"

    def handling(self, number):
        self.near = self.near or number == self.number

    def __call__(self, point):
        if self.near and point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def make_bus(url, *, lease=10.0, die=""):
    store = open_store(url)
    death = Death(die)
    if die:
        store.fault_points.hook = death
    bus = ActorBus("recorder", store, lease=lease)
    bus.add_channel("records")
    bus.add_channel("echoes")

    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        for table in TABLES:
            await tx.execute(f"CREATE TABLE {table} (number INTEGER)")

    @bus.command_handler(channel="records", endpoint_id="record")
    async def record(command: Record, tx: Transaction, events: EventBus) -> None:
        await tx.execute("INSERT INTO recorded VALUES ($1)", command.number)
        await trio.sleep(command.pause)
        await events.publish(Recorded(command.number))
        death.handling(command.number)

    @bus.event_handler(channel="echoes", endpoint_id="echo")
    async def echo(event: Recorded, tx: Transaction) -> None:
        await tx.execute("INSERT INTO echoed VALUES ($1)", event.number)

    return bus


bus = make_bus(
    os.environ.get("RECORDER_STORE", ":memory:"),
    lease=float(os.environ.get("RECORDER_LEASE", "1")),
    die=os.environ.get("RECORDER_DIE", ""),
)
