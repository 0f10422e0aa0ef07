"""kill -9 in each crash window of the path through PostgreSQL and Kafka, hit on purpose.

The process that dies has one message on its way, so nothing but that message reaches the point.
What cannot be seen here is a power cut: a killed process leaves the servers alone.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

import pytest
import trio
from aiokafka import AIOKafkaConsumer, TopicPartition

from actorbus import ActorBus, Letter
from actorbus._store import Claimed
from actorbus.channels.kafka._records import from_record
from tests.faults.durable_app import NAME, TABLES, Record, SetUp, make_bus
from tests.faults.recording import PATIENCE, ROOT
from tests.integration.kafka.conftest import Broker
from tests.services._kafka import in_asyncio
from tests.services.fixtures import new_topic

MORE = 20
"""Messages that are sent after the death: they show that all flows."""

pytestmark = [pytest.mark.slow]


@dataclass
class Place:
    """The servers of a test, and the bus of a process there that only sends and looks."""

    url: str
    records: Broker
    echoes: Broker
    bus: ActorBus

    async def send(self, numbers):
        await self.bus.commands.send_many(Letter(Record(number)) for number in numbers)

    async def rows(self, table):
        """Return how often each number is in a table, as committed."""
        return Counter(row[0] for row in await self._fetch(f"SELECT number FROM {table}"))

    async def events_in_outbox(self):
        """Count the events that are stored and not marked as relayed."""
        rows = await self._fetch(
            "SELECT copy_id FROM actorbus_messages WHERE for_endpoint = 'echo'"
        )
        return len(rows)

    async def _fetch(self, statement):
        async with await self.bus.store.snapshot("test") as view:
            return await view.fetch(statement)

    def relayed(self):
        """Return the ids of the events that the broker has, each as often as it has it."""
        return Counter(message_id(one) for one in read(self.echoes))


@pytest.fixture
async def place(postgres, kafka_server):
    topics = new_topic(), new_topic()
    for topic in topics:
        kafka_server.create_topic(topic, partitions=1)
    bus = make_bus(postgres, kafka_server.servers, topics)
    async with bus.running(consume="none"):
        await bus.commands.send(SetUp())
        records, echoes = (Broker(kafka_server.servers, topic) for topic in topics)
        yield Place(postgres, records, echoes, bus)
    for topic in topics:
        kafka_server.delete_topic(topic)


@pytest.fixture
def start(place):
    """Start workers; none of them outlives its test."""
    started = []

    def start(die=""):
        environment = {
            "DURABLE_STORE": place.url,
            "DURABLE_KAFKA": place.records.servers,
            "DURABLE_TOPICS": f"{place.records.topic},{place.echoes.topic}",
            "DURABLE_DIE": die,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "actorbus", "run", "tests.faults.durable_app:bus"]
        started.append(
            subprocess.Popen(
                [*command, "--log-level", "error"], env=os.environ | environment, cwd=ROOT
            )
        )
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


async def killed_at(point, place, start):
    """Have a worker take a message from the outbox to this point, where it kills itself."""
    await place.send([0])
    worker = start(point)
    ended = await trio.to_thread.run_sync(lambda: worker.wait(PATIENCE))
    assert ended == -signal.SIGKILL


async def assert_another_process_does_the_rest(place, start):
    """Each message takes effect once, and all of them are acked at the broker."""
    await place.send(range(1, 1 + MORE))
    worker = start()
    once = Counter(range(1 + MORE))
    with trio.fail_after(PATIENCE):
        while min([len(await place.rows(table)) for table in TABLES]) <= MORE:
            await assert_lives(worker)
        while await place.events_in_outbox() or not all_acked(place):
            await assert_lives(worker)
    assert [await place.rows(table) for table in TABLES] == [once, once]


async def assert_lives(worker):
    assert worker.poll() is None, "the other worker ended by itself"
    await trio.sleep(0.05)


def all_acked(place):
    """Whether the groups have committed all that their topics have."""
    return all(
        broker.committed(f"{NAME}.{channel}").get(0) == len(read(broker))
        for broker, channel in ((place.records, "records"), (place.echoes, "echoes"))
    )


def message_id(record):
    message = from_record(record, "echoes")
    assert isinstance(message, Claimed), "what a bus wrote is no foreign record"
    return message.message_id


def read(broker):
    """Return all records of a topic of one partition."""

    async def read():
        place = TopicPartition(broker.topic, 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.servers)
        async with consumer:
            consumer.assign([place])
            consumer.seek(place, 0)
            end = (await consumer.end_offsets([place]))[place]
            found = (await consumer.getmany(timeout_ms=0)).get(place, [])
            while len(found) < end:
                found += (await consumer.getmany(timeout_ms=500)).get(place, [])
            return found

    return in_asyncio(read)


async def test_killed_before_the_commit_there_is_neither_row_nor_message(place, start):
    """The handler's effects are rolled back; the message comes again, and takes effect once."""
    await killed_at("before commit", place, start)

    assert await place.rows("recorded") == {}
    assert await place.events_in_outbox() == 0
    assert place.relayed() == {}
    await assert_another_process_does_the_rest(place, start)


@pytest.mark.parametrize("point", ["after commit", "claimed"])
async def test_killed_after_the_commit_the_message_is_relayed_by_another_process(
    place, start, point
):
    """The row and the event are there; before the relay has it, and when it has it in hand."""
    await killed_at(point, place, start)

    assert await place.rows("recorded") == {0: 1}
    assert await place.events_in_outbox() == 1
    assert place.relayed() == {}
    await assert_another_process_does_the_rest(place, start)
    assert set(place.relayed().values()) == {1}


@pytest.mark.parametrize("point", ["after broker accepted", "before mark"])
async def test_killed_before_the_mark_it_is_sent_again_with_the_same_id_and_applied_once(
    place, start, point
):
    await killed_at(point, place, start)

    (first,) = place.relayed()
    assert await place.events_in_outbox() == 1
    await assert_another_process_does_the_rest(place, start)
    relayed = place.relayed()
    assert relayed.pop(first) == 2
    assert set(relayed.values()) == {1}


async def test_killed_before_the_ack_the_message_is_skipped_and_acked(place, start):
    """Its effects are committed; the broker gives it to another process, where it does nothing."""
    await killed_at("before ack", place, start)

    assert await place.rows("recorded") == {0: 1}
    assert place.records.committed(f"{NAME}.records") == {}
    await assert_another_process_does_the_rest(place, start)
