"""The program that is killed in fault tests of Kafka: each message leaves a row.

Run by `python -m actorbus run tests.faults.kafka_app:bus`; its settings are in the environment:

    KAFKA_APP_STORE    the URL of its store
    KAFKA_APP_SERVERS  the brokers
    KAFKA_APP_TOPIC    the topic
    KAFKA_APP_DIE      NUMBER@POINT: SIGKILL at this fault point, after the handler of this message;
                       NUMBER@handler: in its handler, each time
"""

import os
import signal
from dataclasses import dataclass

from actorbus import ActorBus, KafkaChannel, Retry, Transaction
from actorbus.stores import open_store

ENDPOINT = "record"
GROUP = "recorder.records"
ATTEMPTS = 2


@dataclass(frozen=True)
class Record:
    number: int


def make_bus(url, servers, topic, *, die="", lease=1.0):
    number, _, point = die.partition("@")
    victim = int(number or -1)
    near = False

    def hook(passed):
        if near and passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_store(url)
    if die:
        store.fault_points.hook = hook
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
        nonlocal near
        await tx.execute("INSERT INTO recorded VALUES ($1)", command.number)
        if command.number == victim:
            near = True
            if point == "handler":
                os.kill(os.getpid(), signal.SIGKILL)

    return bus


if "KAFKA_APP_STORE" in os.environ:
    bus = make_bus(
        os.environ["KAFKA_APP_STORE"],
        os.environ["KAFKA_APP_SERVERS"],
        os.environ["KAFKA_APP_TOPIC"],
        die=os.environ.get("KAFKA_APP_DIE", ""),
    )
