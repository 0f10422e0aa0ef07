"""Workers on PostgreSQL that stand still, are asked to end, or have wrong clocks."""

import signal
import subprocess
from functools import partial

import pytest

from tests.faults.recording import (
    Database,
    ended,
    line_of,
    peak_memory,
    send,
    watcher,
    workers,
)
from tests.faults.stalls import pause_one_beyond_its_lease, run_with_clocks_off

pytestmark = [pytest.mark.slow]


@pytest.fixture
def start():
    with workers() as start:
        yield start


@pytest.fixture
def database(postgres):
    return Database(postgres)


@pytest.fixture
async def bus(postgres):
    async with watcher(postgres) as bus:
        yield bus


async def test_a_worker_paused_beyond_its_lease_holds_up_nobody_and_does_nothing_twice(
    bus, database, postgres, start
):
    """It holds a row that all need. The server ends its transaction within the lease."""
    await pause_one_beyond_its_lease(bus, database, partial(start, postgres))


async def test_clocks_that_are_ten_minutes_off_run_nothing_early_and_nothing_twice(
    bus, database, postgres, start
):
    """One worker's is fast, one's is slow; the moments that are compared are the database's."""
    batches = [range(first, first + 20) for first in range(0, 200, 20)]
    await run_with_clocks_off(bus, database, partial(start, postgres), batches)
    assert len(database.fetch("SELECT DISTINCT pid FROM recorded")) == 2


async def test_a_worker_that_is_asked_to_end_with_fifty_in_flight(
    bus, database, postgres, start, tmp_path
):
    """Some end in time and stay done; the others are another worker's at once, lease or not."""
    settings = {"lease": 300, "concurrency": 50, "shutdown": 2, "fast": tmp_path / "fast"}
    asked = start(postgres, output=subprocess.PIPE, **settings)
    await send(bus, range(25), idle=0.5)
    await send(bus, range(25, 50), idle=600)
    await send(bus, range(50, 60))
    for _ in range(50):
        assert await line_of(asked) == b"began\n"
    asked.send_signal(signal.SIGTERM)
    assert await ended(asked) == 0
    done = database.numbers("recorded")
    queues = await bus.store.statistics()

    assert set(range(25)) <= set(done)
    assert not set(range(25, 50)) & set(done)
    assert sum(queue.claimed for queue in queues) == 0
    (tmp_path / "fast").touch()
    await database.until(60, start(postgres, **settings))
    database.assert_each_is_there_once(60)


async def test_a_consumer_a_hundred_times_slower_than_the_producer(
    bus, database, postgres, start, tmp_path
):
    """20 MB wait in the store, not in the worker; then it is let go, and all is there."""
    worker = start(postgres, fast=tmp_path / "fast", concurrency=4)
    load = b"x" * 10_000
    await send(bus, [0])
    await database.until(1, worker)
    before = peak_memory(worker)
    for first in range(1, 2_000, 500):
        await send(bus, range(first, min(first + 500, 2_000)), idle=0.05, load=load)
    behind = 2_000 - database.count()
    (tmp_path / "fast").touch()
    await database.until(2_000, worker)

    assert behind > 1_000, "the consumer was not slow"
    database.assert_each_is_there_once(2_000)
    assert peak_memory(worker) - before < 15, "megabytes"
