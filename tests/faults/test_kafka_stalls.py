"""Workers on Kafka that stand still for longer than their session, or have wrong clocks."""

import pytest

from tests.faults.recording import Database, watcher, workers
from tests.faults.stalls import pause_one_beyond_its_lease, run_with_clocks_off

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
    await pause_one_beyond_its_lease(bus, database, start)


async def test_clocks_that_are_ten_minutes_off_run_nothing_early_and_nothing_twice(
    bus, database, start
):
    """One worker's is fast, one's is slow; the moments that are compared are the database's."""
    await run_with_clocks_off(bus, database, start, [range(60)])
