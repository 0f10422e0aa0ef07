"""The whole path, with relays that are killed: PostgreSQL, its outbox, Kafka, the handler's row."""

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager

import psycopg
import pytest
import trio

from tests.faults.recording import PATIENCE, ROOT
from tests.faults.relay_app import KEYS, Order, Ordered, SetUp, make_bus

pytestmark = [pytest.mark.slow]

MESSAGES = 100


@pytest.fixture
def start(postgres, kafka_server, topic):
    """Start relays in processes of their own; none of them outlives the test."""
    started = []

    def start(die=""):
        environment = {
            "RELAY_STORE": postgres,
            "RELAY_SERVERS": servers_of(kafka_server),
            "RELAY_TOPIC": topic,
            "RELAY_DIE": die,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "actorbus", "run", "tests.faults.relay_app:bus", "outbox"]
        started.append(
            subprocess.Popen(
                [*command, "--log-level", "warning"], env=os.environ | environment, cwd=ROOT
            )
        )
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


@pytest.fixture
async def bus(postgres, kafka_server, topic):
    """The bus of a process that orders and delivers, and relays nothing."""
    async with ordering(postgres, kafka_server, topic) as bus:
        yield bus


@asynccontextmanager
async def ordering(url, kafka_server, topic):
    bus = make_bus(url, servers_of(kafka_server), topic)
    async with bus.running(consume=["kafka"]):
        await bus.commands.send(SetUp())
        yield bus


def servers_of(kafka_server):
    found = kafka_server.servers
    return found if isinstance(found, str) else ",".join(found)


async def order_all(bus, first=0, count=MESSAGES):
    """Send commands, each of which writes a row and publishes an event."""
    for number in range(first, first + count):
        await bus.commands.send(Order(number, number % KEYS))


async def rows(bus, table):
    async with await bus.store.snapshot("test") as view:
        found = await view.fetch(f"SELECT key, number FROM {table} ORDER BY place")
        return [tuple(row) for row in found]


async def until_delivered(bus, count):
    with trio.fail_after(PATIENCE):
        while len(await rows(bus, "delivered")) < count:  # noqa: ASYNC110  rows have no bell
            await trio.sleep(0.05)


async def assert_each_is_there_once_in_order(bus, count):
    """All that was ordered was delivered, once, and per key in order."""
    ordered, delivered = await rows(bus, "ordered"), await rows(bus, "delivered")
    assert Counter(delivered) == Counter(ordered)
    assert len(delivered) == count
    for key in range(KEYS):
        numbers = [number for each, number in delivered if each == key]
        assert numbers == sorted(numbers)


async def died(worker):
    return await trio.to_thread.run_sync(lambda: worker.wait(PATIENCE))


async def test_a_row_and_an_event_leave_together_and_the_event_arrives_once(bus, start):
    """And neither of them if the handler fails."""
    start()
    await order_all(bus, count=20)
    with pytest.raises(ValueError, match="-1"):
        await bus.commands.send(Order(-1, 0))
    await until_delivered(bus, 20)
    await assert_each_is_there_once_in_order(bus, 20)


@pytest.mark.parametrize("point", ["claimed", "after broker accepted", "before mark"])
async def test_a_relay_killed_there_leaves_its_messages_to_another(bus, start, point):
    """Those that the broker has are sent again with the same ids, and delivered once."""
    await order_all(bus)
    worker = start(f"1@{point}")
    assert await died(worker) == -signal.SIGKILL
    start()
    await until_delivered(bus, MESSAGES)
    await assert_each_is_there_once_in_order(bus, MESSAGES)


async def test_of_two_relays_one_is_killed_while_both_work(bus, start):
    """They share the work without a leader, and a key is with one of them at a time."""
    start()
    victim = start("1@after broker accepted")
    count = 0
    with trio.fail_after(PATIENCE):
        while victim.poll() is None:
            await order_all(bus, count, 10)
            count += 10
    assert victim.returncode == -signal.SIGKILL
    await order_all(bus, count, 10)
    await until_delivered(bus, count + 10)
    await assert_each_is_there_once_in_order(bus, count + 10)


async def test_a_transaction_that_commits_late_is_not_skipped(bus, start, postgres):
    """It took its number first; those that came later have been delivered already."""
    start()
    late = bus.outbox.statement([Ordered(-7, KEYS)], channel="outbox")
    with psycopg.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO ordered (number, key) VALUES (-7, %s)", [KEYS])
        cursor.executemany(*late)
        await order_all(bus, count=20)
        await until_delivered(bus, 20)
    await until_delivered(bus, 21)

    assert (await rows(bus, "delivered"))[-1] == (KEYS, -7)
    assert Counter(await rows(bus, "delivered")) == Counter(await rows(bus, "ordered"))
