"""PostgreSQL gone, stuck or full while workers are busy: they go on by themselves, nothing is lost.

Each test prints how long the first message took from the moment that the server could be reached.
"""

import time
from contextlib import ExitStack

import psycopg
import pytest
import trio

from tests.faults.recording import (
    PATIENCE,
    Database,
    assert_alive,
    peak_memory,
    send,
    until_up,
    watcher,
    workers,
)

MESSAGES = 400
MEMORY = 200
"""Megabytes that a worker may hold; about 80 of them are Python and its packages."""

pytestmark = [pytest.mark.slow]


@pytest.fixture
def start():
    with workers() as start:
        yield start


@pytest.fixture
def database(own_postgres):
    return Database(own_postgres)


@pytest.fixture
async def bus(own_postgres):
    async with watcher(own_postgres) as bus:
        yield bus


@pytest.fixture
def proxy(own_postgres_server, proxy_to):
    return proxy_to(own_postgres_server)


async def test_a_server_killed_and_started_again_under_load(
    bus, database, own_postgres, own_postgres_server, start
):
    """Twice; what is sent meanwhile waits for it too."""
    running = [start(own_postgres) for _ in range(2)]
    await until_up(bus, *running)
    await send(bus, range(MESSAGES), pause=0.02)
    for moment in (20, 120):
        await database.until(moment, *running)
        own_postgres_server.kill()
        await trio.sleep(0.5)
        own_postgres_server.start()
        print(f"first message after {await database.until_next(*running):.2f} s")
    await send(bus, range(MESSAGES, MESSAGES + 50))

    await database.until(MESSAGES + 50, *running)
    database.assert_each_is_there_once(MESSAGES + 50)
    assert max(map(peak_memory, running)) < MEMORY


async def test_connections_that_the_server_ends_under_load(
    bus, database, own_postgres, own_postgres_server, start
):
    """All at once, ten times: each transaction in hand is rolled back, and redone."""
    running = [start(own_postgres) for _ in range(2)]
    await until_up(bus, *running)
    await send(bus, range(MESSAGES), pause=0.02)
    ended = 0
    for number in range(10):
        await database.until(20 + 20 * number, *running)
        ended += own_postgres_server.terminate_backends()

    assert ended >= 10
    await database.until(MESSAGES, *running)
    database.assert_each_is_there_once(MESSAGES)


async def test_a_server_that_takes_no_more_connections(
    bus, database, own_postgres, own_postgres_server, start
):
    """Others have all of them, and the worker loses its own; it comes back when some are free."""
    worker = start(own_postgres)
    await send(bus, range(MESSAGES), pause=0.1)
    await database.until(20, worker)
    with ExitStack() as taken:
        other = taken.enter_context(psycopg.connect(own_postgres_server.url, autocommit=True))
        take_all(own_postgres, taken)
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname <> current_database() AND application_name <> 'greedy'"
        )
        take_all(own_postgres, taken)
        await trio.sleep(1.5)
        assert_alive([worker])
    print(f"first message after {await database.until_next(worker):.2f} s")

    await database.until(MESSAGES, worker)
    database.assert_each_is_there_once(MESSAGES)


def take_all(url, taken):
    """Connect until the server refuses."""
    for _ in range(300):
        try:
            taken.enter_context(psycopg.connect(url, application_name="greedy"))
        except psycopg.OperationalError:
            return
    raise AssertionError("the server takes any number of connections")


async def test_more_handlers_at_once_than_the_pool_has_connections(
    bus, database, own_postgres, start
):
    """Fifty handlers hold a transaction each; those without a connection wait for one."""
    worker = start(own_postgres, concurrency=50)
    await send(bus, range(MESSAGES), pause=0.05)

    await database.until(MESSAGES, worker)
    database.assert_each_is_there_once(MESSAGES)


async def test_a_foreign_session_that_sits_in_a_transaction_on_our_tables(
    bus, database, own_postgres, start
):
    """It has read everything and locked a message, and does nothing more."""
    await send(bus, range(MESSAGES))
    with psycopg.connect(own_postgres) as idle:
        idle.execute("SELECT count(*) FROM recorded").fetchall()
        locked = idle.execute("SELECT 1 FROM actorbus_messages LIMIT 1 FOR UPDATE").fetchall()
        assert locked
        worker = start(own_postgres)
        await database.until(MESSAGES - 1, worker)

    await database.until(MESSAGES, worker)
    database.assert_each_is_there_once(MESSAGES)


async def test_a_link_that_carries_nothing_for_a_while_and_then_goes_on(
    bus, database, own_postgres, proxy, start
):
    """Longer than the lease; nothing was closed, so only deadlines can tell."""
    worker = start(through(proxy, own_postgres))
    await send(bus, range(MESSAGES), pause=0.02)
    await database.until(20, worker)
    proxy.hold()
    await trio.sleep(3.0)
    assert_alive([worker])
    proxy.forward()
    print(f"first message after {await database.until_next(worker):.2f} s")

    await database.until(MESSAGES, worker)
    database.assert_each_is_there_once(MESSAGES)
    assert peak_memory(worker) < MEMORY


async def test_a_worker_behind_a_dead_link_gives_its_messages_to_another(
    bus, database, own_postgres, proxy, start
):
    """The server ends its transactions, its lease runs out; it goes on when the link does."""
    cut = start(through(proxy, own_postgres), concurrency=20)
    await send(bus, range(MESSAGES), pause=0.02)
    await database.until(20, cut)
    proxy.hold()
    began = time.perf_counter()
    other = start(own_postgres)
    await database.until(MESSAGES, cut, other)
    print(f"the other one had done all after {time.perf_counter() - began:.2f} s")
    database.assert_each_is_there_once(MESSAGES)

    other.kill()
    proxy.forward()
    await send(bus, range(MESSAGES, MESSAGES + 20))
    with trio.fail_after(PATIENCE):
        await database.until(MESSAGES + 20, cut)
    database.assert_each_is_there_once(MESSAGES + 20)


def through(proxy, url):
    """Return the URL of the same database behind a proxy."""
    head, _, name = url.rpartition("/")
    return f"{head.rpartition('@')[0]}@{proxy.address}/{name}"
