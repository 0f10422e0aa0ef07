"""Kafka gone or stuck while workers are busy: they go on by themselves, nothing is lost or twice.

Records go from the sender's transaction through the outbox to Kafka, and from there to a handler
whose transaction is in PostgreSQL. Each test prints how long the first message took from the
moment that the broker could be reached.
"""

import signal
import subprocess

import pytest
import trio

from tests.faults.recording import (
    Database,
    assert_alive,
    ended,
    line_of,
    peak_memory,
    send,
    until_up,
    watcher,
    workers,
)

MESSAGES = 300
MEMORY = 250
"""Megabytes that a worker may hold; about 90 of them are Python and its packages."""

pytestmark = [pytest.mark.slow]


@pytest.fixture
def database(postgres):
    return Database(postgres)


@pytest.fixture
def brokers(own_kafka_server, own_topic):
    """What a process is told about Kafka."""
    return {"kafka": own_kafka_server.servers, "topic": own_topic}


@pytest.fixture
async def bus(postgres, brokers):
    async with watcher(postgres, **brokers) as bus:
        yield bus


@pytest.fixture
def start(postgres, brokers):
    """Start a worker on both, with settings of its own."""
    with workers() as start:
        yield lambda **settings: start(postgres, **(brokers | settings))


async def test_a_broker_killed_and_started_again_under_load(bus, database, own_kafka_server, start):
    """What is sent meanwhile waits in the outbox."""
    running = [start(), start()]
    await until_up(bus, *running)
    await send(bus, range(MESSAGES), pause=0.05)
    await database.until(30, *running)
    own_kafka_server.kill()
    await send(bus, range(MESSAGES, MESSAGES + 50))
    await trio.sleep(0.5)
    own_kafka_server.start()
    print(f"first message after {await database.until_next(*running):.2f} s")

    await database.until(MESSAGES + 50, *running)
    database.assert_each_is_there_once(MESSAGES + 50)
    assert max(map(peak_memory, running)) < MEMORY


async def test_a_link_that_carries_nothing_for_longer_than_the_session(
    bus, database, own_kafka_server, proxy_to, start
):
    """Nothing was closed, and the group has given the partitions to nobody else."""
    proxy = proxy_to(own_kafka_server)
    worker = start(kafka=proxy.address)
    await send(bus, range(MESSAGES), pause=0.05)
    await database.until(30, worker)
    proxy.hold()
    await send(bus, range(MESSAGES, MESSAGES + 50))
    await trio.sleep(4.0)
    assert_alive([worker])
    proxy.forward()
    print(f"first message after {await database.until_next(worker):.2f} s")

    await database.until(MESSAGES + 50, worker)
    database.assert_each_is_there_once(MESSAGES + 50)
    assert peak_memory(worker) < MEMORY


async def test_a_worker_killed_between_its_commit_and_its_acknowledgement(bus, database, start):
    """The record comes again to another worker, which skips it."""
    worker = start(die="7@before ack", concurrency=1)
    await send(bus, range(60))
    assert await ended(worker) == -signal.SIGKILL
    assert database.numbers("recorded")[7] == 1

    await database.until(60, start())
    database.assert_each_is_there_once(60)


async def test_a_worker_that_is_asked_to_end_with_fifty_records_in_flight(
    bus, database, start, tmp_path
):
    """Some end in time and stay done; the others are another worker's at once, lease or not."""
    settings = {"lease": 300, "concurrency": 50, "shutdown": 2, "fast": tmp_path / "fast"}
    asked = start(output=subprocess.PIPE, **settings)
    await send(bus, range(25), idle=0.5)
    await send(bus, range(25, 50), idle=600)
    for _ in range(50):
        assert await line_of(asked) == b"began\n"
    asked.send_signal(signal.SIGTERM)
    assert await ended(asked) == 0
    done = database.numbers("recorded")

    assert set(range(25)) <= set(done)
    assert not set(range(25, 50)) & set(done)
    (tmp_path / "fast").touch()
    await database.until(50, start(**settings))
    database.assert_each_is_there_once(50)


async def test_a_worker_killed_with_records_in_hand(bus, database, start):
    """Their transactions are undone; another worker has its partitions after the session."""
    running = [start(), start()]
    await until_up(bus, *running)
    await send(bus, range(MESSAGES), pause=0.05)
    await database.until(30, *running)
    running[0].kill()
    await database.until(MESSAGES, running[1])

    database.assert_each_is_there_once(MESSAGES)


async def test_a_consumer_a_hundred_times_slower_than_the_producer(bus, database, start, tmp_path):
    """30 MB wait at the broker, not in the worker; then it is let go, and all is there."""
    worker = start(fast=tmp_path / "fast", concurrency=2)
    await send(bus, [0])
    await database.until(1, worker)
    for first in range(1, 1_500, 500):
        numbers = range(first, min(first + 500, 1_500))
        await send(bus, numbers, idle=0.1, load=b"x" * 20_000)
    behind = 1_500 - database.count()
    (tmp_path / "fast").touch()
    await database.until(1_500, worker)

    assert behind > 750, "the consumer was not slow"
    database.assert_each_is_there_once(1_500)
    assert peak_memory(worker) < MEMORY
