"""Workers on Kafka that stand still for longer than their session, or have wrong clocks."""

import os
import signal
import subprocess

import pytest

from tests.faults.recorder_app import TABLES
from tests.faults.recording import Database, ended, line_of, send, until_up, watcher, workers

pytestmark = [pytest.mark.slow]


@pytest.fixture
def brokers(kafka_server, topic):
    """What a process is told about Kafka."""
    return {"kafka": kafka_server.servers, "topic": topic}


@pytest.fixture
def start(postgres, brokers):
    with workers() as start:
        yield lambda **settings: start(postgres, **(brokers | settings))


@pytest.fixture
def database(postgres):
    return Database(postgres)


@pytest.fixture
async def bus(postgres, brokers):
    async with watcher(postgres, **brokers) as bus:
        yield bus


async def test_a_worker_paused_beyond_its_session_does_nothing_twice_and_goes_on(
    bus, database, start
):
    """It holds a row that all need, in a transaction that the server ends within the lease."""
    paused = start(lease=2, concurrency=1, output=subprocess.PIPE)
    await send(bus, [0], hot=True, pause=0.5)
    assert await line_of(paused) == b"holding\n"
    os.kill(paused.pid, signal.SIGSTOP)
    other = start(lease=2)
    await send(bus, range(1, 20), hot=True)
    await database.until(20, other)
    assert database.fetch("SELECT count FROM hot") == [(20,)]

    os.kill(paused.pid, signal.SIGCONT)
    other.send_signal(signal.SIGTERM)
    assert await ended(other) == 0
    await send(bus, range(20, 40), hot=True)
    await database.until(40, paused)

    assert database.fetch("SELECT count FROM hot") == [(40,)]
    database.assert_each_is_there_once(40)
    assert database.fetch(f"SELECT count(*) FROM recorded WHERE pid = {paused.pid}") == [(20,)]


async def test_clocks_that_are_ten_minutes_off_run_nothing_early_and_nothing_twice(
    bus, database, start
):
    """One worker's is fast, one's is slow; the moments that are compared are the database's."""
    for table in TABLES:
        database.fetch(f"ALTER TABLE {table} ADD at timestamptz DEFAULT clock_timestamp()")
    running = [start(clock=off, concurrency=4) for off in (600, -600)]
    await until_up(bus, *running)
    await send(bus, range(60), later=2.0, pause=0.02)
    await database.until(60, *running)

    database.assert_each_is_there_once(60)
    ((soonest,),) = database.fetch(
        "SELECT extract(epoch FROM min(echoed.at - recorded.at))::float"
        " FROM echoed JOIN recorded USING (number)"
    )
    assert soonest > 1.9
