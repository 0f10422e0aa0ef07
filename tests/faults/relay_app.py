"""The program whose relays are killed in fault tests: what leaves its outbox leaves a row each.

`python -m actorbus run tests.faults.relay_app:bus outbox` relays and does nothing else. Settings
are in the environment:

    RELAY_STORE     the URL of its store
    RELAY_SERVERS   the brokers
    RELAY_TOPIC     the topic
    RELAY_DIE       NUMBER@POINT: SIGKILL when a fault point is reached for this time, from 1
"""

import os
import signal
from dataclasses import dataclass

from actorbus import ActorBus, CombinedChannel, EventBus, KafkaChannel, Transaction
from actorbus.stores import open_store

KEYS = 10


@dataclass(frozen=True)
class SetUp:
    """Make the tables, which have no keys: what took place twice is seen."""


@dataclass(frozen=True)
class Order:
    """A command; its event is numbered within its key."""

    number: int
    key: int


@dataclass(frozen=True)
class Ordered:
    """The event, which goes through the outbox and the broker."""

    number: int
    key: int


class RelayedEventBus(EventBus, channel="outbox"): ...


def make_bus(url, servers, topic, die=""):
    store = open_store(url)
    times, _, point = die.partition("@")
    left = int(times or 0)

    def reach(passed):
        nonlocal left
        left -= passed == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if die:
        store.fault_points.hook = reach
    bus = ActorBus("relays", store, lease=1.0)
    bus.add_channel(KafkaChannel("kafka", servers=servers, topic=topic, ordering_key=of_key))
    bus.add_channel(CombinedChannel(["outbox", "kafka"]))

    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        for table in ("ordered", "delivered"):
            await tx.execute(f"CREATE TABLE {table} (number INTEGER, key INTEGER, place SERIAL)")

    @bus.command_handler
    async def order(command: Order, tx: Transaction, events: RelayedEventBus) -> None:
        await tx.execute(
            "INSERT INTO ordered (number, key) VALUES ($1, $2)", command.number, command.key
        )
        await events.publish(Ordered(command.number, command.key))
        if command.number < 0:
            raise ValueError(command.number)

    @bus.event_handler(endpoint_id="deliver")
    async def deliver(event: Ordered, tx: Transaction) -> None:
        await tx.execute(
            "INSERT INTO delivered (number, key) VALUES ($1, $2)", event.number, event.key
        )

    return bus


def of_key(event):
    return str(event.key)


bus = make_bus(
    os.environ.get("RELAY_STORE", "sqlite:///relay.db"),
    os.environ.get("RELAY_SERVERS", "127.0.0.1:9092"),
    os.environ.get("RELAY_TOPIC", "relay"),
    os.environ.get("RELAY_DIE", ""),
)
