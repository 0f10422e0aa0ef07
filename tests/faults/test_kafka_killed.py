"""kill -9 at every point between a record's arrival and its offset's commit, hit on purpose."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio

from actorbus import DeadLetterReason
from tests.faults.kafka_app import ATTEMPTS, ENDPOINT, GROUP, make_bus
from tests.integration.kafka.conftest import Broker, eventually, record

ROOT = Path(__file__).parents[2]
MESSAGES = 30
VICTIM = 7
PATIENCE = 60

pytestmark = [pytest.mark.slow]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return f"sqlite:///{tmp_path}/recorder.db"


@pytest.fixture
def broker(kafka_server, topic):
    return Broker(kafka_server.servers, topic)


@pytest.fixture
def start(url, broker):
    """Start workers; none of them outlives the test."""
    started = []

    def start(die=""):
        settings = {
            "KAFKA_APP_STORE": url,
            "KAFKA_APP_SERVERS": broker.servers,
            "KAFKA_APP_TOPIC": broker.topic,
            "KAFKA_APP_DIE": die,
            "PYTHONPATH": str(ROOT),
        }
        worker = subprocess.Popen(
            [sys.executable, "-m", "actorbus", "run", "tests.faults.kafka_app:bus"],
            env=os.environ | settings,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


def sent(number):
    body = msgspec.msgpack.encode({"number": number})
    return record(number, ENDPOINT, type_name="Record", body=body)


def produce(broker):
    """Write the messages to one partition, so that they are claimed together."""
    broker.produce(*map(sent, range(MESSAGES)), partition=0)


@asynccontextmanager
async def watching(url, broker):
    """The bus of a process that only looks, with the table that the handlers write to."""
    bus = make_bus(url, broker.servers, broker.topic)
    async with bus.running(consume="none"):
        turn = await bus.store.acquire("test")
        await turn.execute("CREATE TABLE recorded (number INTEGER)")
        async with trio.open_nursery() as nursery:
            done = Done()
            await turn.finish(done)
            await done.event.wait()
            nursery.cancel_scope.cancel()
        yield bus


class Done:
    """Hears of a commit."""

    def __init__(self):
        self.event = trio.Event()

    def committed(self):
        self.event.set()

    def lost(self, error):
        raise AssertionError(error)


async def died(worker):
    return await trio.to_thread.run_sync(lambda: worker.wait(PATIENCE))


async def rows(bus):
    async with await bus.store.snapshot("test") as view:
        return Counter(row[0] for row in await view.fetch("SELECT number FROM recorded"))


async def until_recorded(bus, count):
    with trio.fail_after(PATIENCE):
        while len(await rows(bus)) < count:  # noqa: ASYNC110  another process writes them
            await trio.sleep(0.02)


@pytest.mark.parametrize(
    ("point", "is_there"), [("before commit", 0), ("after commit", 1), ("before ack", 1)]
)
async def test_a_consumer_killed_there_leaves_each_message_handled_once(
    url, broker, start, point, is_there
):
    """After its effects, before their commit: rolled back, handled again. After it: skipped."""
    produce(broker)
    async with watching(url, broker) as bus:
        worker = start(f"{VICTIM}@{point}")
        assert await died(worker) == -signal.SIGKILL
        assert (await rows(bus))[VICTIM] == is_there
        start()
        await until_recorded(bus, MESSAGES)
        await eventually(lambda: broker.committed(GROUP).get(0) == MESSAGES, 60)
        assert await rows(bus) == Counter(range(MESSAGES))
        assert await bus.dead_letters.list() == []


async def test_a_message_that_kills_its_process_each_time_is_a_dead_letter_in_the_end(
    url, broker, start
):
    """The first start is not counted, as in the store; those with it flow, with 0 attempts."""
    produce(broker)
    deaths = 0
    async with watching(url, broker) as bus:
        worker = start(f"{VICTIM}@handler")
        with trio.fail_after(PATIENCE):
            while not (letters := await bus.dead_letters.list()):
                if worker.poll() is not None:
                    deaths += 1
                    worker = start(f"{VICTIM}@handler")
                await trio.sleep(0.05)
        await until_recorded(bus, MESSAGES - 1)
        await eventually(lambda: broker.committed(GROUP).get(0) == MESSAGES, 60)
        assert await rows(bus) == Counter(set(range(MESSAGES)) - {VICTIM})
        queues = await bus.store.statistics()
        assert all(queue.ready + queue.claimed + queue.waiting == 0 for queue in queues)
    (letter,) = letters
    assert (letter.message_id, letter.reason) == (f"m{VICTIM}", DeadLetterReason.SUSPECT)
    assert letter.attempts == ATTEMPTS
    assert deaths == ATTEMPTS + 1


async def test_another_process_goes_on_after_the_session_time_out(url, broker, start, capsys):
    """The time until it handles the first of the dead one's messages is printed."""
    async with watching(url, broker) as bus:
        first, second = start(), start()
        await until_assigned(broker)
        first.kill()
        killed_at = time.monotonic()
        for part in range(4):
            batch = range(part * 10, part * 10 + 10)
            broker.produce(
                *(
                    record(
                        n, ENDPOINT, type_name="Record", body=msgspec.msgpack.encode({"number": n})
                    )
                    for n in batch
                ),
                partition=part,
            )
        await until_recorded(bus, 40)
        took = time.monotonic() - killed_at
        assert second.poll() is None
        assert await rows(bus) == Counter(range(40))
    with capsys.disabled():
        print(f"\n  {url.partition(':')[0]}: all of 4 partitions {took:.2f} s after a SIGKILL")


async def until_assigned(broker):
    """Wait until the group has two members and is stable."""
    from aiokafka.admin import AIOKafkaAdminClient

    from tests.services._kafka import in_asyncio

    async def members():
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.servers)
        await admin.start()
        try:
            (response,) = await admin.describe_consumer_groups([GROUP])
            (group,) = response.groups
            return group[2] == "Stable" and len(group[5]) == 2
        finally:
            await admin.close()

    await eventually(lambda: in_asyncio(members), 60)
