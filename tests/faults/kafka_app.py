"""The program that is killed in fault tests of Kafka: each message leaves a row.

Run by `python -m actorbus run tests.faults.kafka_app:bus`; its settings are in the environment:

    KAFKA_APP_STORE    the URL of its store
    KAFKA_APP_SERVERS  the brokers
    KAFKA_APP_TOPIC    the topic
    KAFKA_APP_DIE      NUMBER@POINT: SIGKILL at this fault point, after the handler of this message;
                       NUMBER@handler: in its handler, each time

Transactions commit side by side. So that the point is reached by the victim's and by no other one,
its handler waits until those before it are committed, and those behind it wait for ever.
"""

import os
import signal
from dataclasses import dataclass

import trio

from actorbus import ActorBus, KafkaChannel, Retry, Transaction
from actorbus.stores import open_store

ENDPOINT = "record"
GROUP = "recorder.records"
ATTEMPTS = 2


@dataclass(frozen=True)
class Record:
    number: int


class Death:
    """Kills the process at a fault point, which only the commit of the victim reaches."""

    def __init__(self, text):
        number, _, self.point = text.partition("@")
        self.victim = int(number or -1)
        self.near = False
        self.committed = 0
        self.alone = trio.Event()

    def __call__(self, passed):
        if self.near and passed == self.point:
            os.kill(os.getpid(), signal.SIGKILL)

    async def before(self, number, tx):
        """Wait for the turn of a message; say that its death is near as soon as it has begun."""
        if self.victim < 0 or self.point == "handler":
            return
        if number > self.victim:
            await trio.sleep_forever()
        tx.after_commit(self._count)
        if number == self.victim:
            await self.alone.wait()

    def after(self, number):
        """Die in the handler, or from now on at the point."""
        if number == self.victim:
            self.near = self.point != "before ack"
            if self.point == "handler":
                os.kill(os.getpid(), signal.SIGKILL)

    async def _count(self):
        self.committed += 1
        self.near = self.near or self.committed > self.victim
        if self.committed >= self.victim:
            self.alone.set()


def make_bus(url, servers, topic, *, die="", lease=1.0):
    death = Death(die)
    store = open_store(url)
    if die:
        store.fault_points.hook = death
    bus = ActorBus("recorder", store, lease=lease)
    bus.message("Record")(Record)
    bus.add_channel(
        KafkaChannel(
            "records",
            servers=servers,
            topic=topic,
            session_timeout=1.0,
            handover_timeout=1.0,
            commit_every=0.1,
            retry=Retry(attempts=ATTEMPTS, initial=0.1),
        )
    )

    @bus.command_handler(channel="records", endpoint_id=ENDPOINT)
    async def record(command: Record, tx: Transaction) -> None:
        await death.before(command.number, tx)
        await tx.execute("INSERT INTO recorded VALUES ($1)", command.number)
        death.after(command.number)

    return bus


if "KAFKA_APP_STORE" in os.environ:
    bus = make_bus(
        os.environ["KAFKA_APP_STORE"],
        os.environ["KAFKA_APP_SERVERS"],
        os.environ["KAFKA_APP_TOPIC"],
        die=os.environ.get("KAFKA_APP_DIE", ""),
    )
