"""A bus on PostgreSQL, from end to end."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import trio

from actorbus import (
    ActorBus,
    EventBus,
    Retry,
    StoreUnavailable,
    SubscribersFailed,
    Transaction,
)
from actorbus._store import GroupLost
from tests.integration import postgresql_worker


@dataclass(frozen=True)
class Place:
    order: str


@dataclass(frozen=True)
class Placed:
    order: str


@dataclass(frozen=True)
class Count:
    pass


def database(url, *statements):
    with psycopg.connect(url, autocommit=True) as connection:
        rows = []
        for statement in statements:
            cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        return rows


@pytest.fixture
def tables(postgres):
    database(postgres, "CREATE TABLE orders (name TEXT)", "CREATE TABLE mails (name TEXT)")
    return postgres


def shop(url, handled, **options):
    bus = ActorBus("shop", store=url, **options)
    bus.add_channel("mail", retry=Retry(attempts=2, initial=0.01))

    @bus.command_handler
    async def place(command: Place, events: EventBus, tx: Transaction) -> str:
        await tx.execute("INSERT INTO orders VALUES ($1)", command.order)
        await events.publish(Placed(command.order))
        if command.order == "refused":
            raise ValueError("no")
        return command.order

    @bus.event_handler(channel="mail")
    async def confirm(event: Placed, tx: Transaction) -> None:
        await tx.execute("INSERT INTO mails VALUES ($1)", event.order)
        if event.order == "unmailable":
            raise ValueError("no such address")
        handled.append(event.order)

    @bus.query_handler
    async def count(query: Count, tx: Transaction) -> int:
        ((orders,),) = await tx.fetch("SELECT count(*) FROM orders")
        return int(orders)

    return bus


async def until(condition, seconds=20.0):
    with trio.fail_after(seconds):
        while not await condition():  # noqa: ASYNC110  it is asked
            await trio.sleep(0.01)


@pytest.mark.parametrize("runs_on", ["trio", "asyncio"])
async def test_command_event_and_query_share_the_database(tables, runs_on):
    handled = []
    bus = shop(tables, handled, runs_on=runs_on)
    async with bus.running():
        assert await bus.commands.send(Place("a")) == "a"
        assert await bus.queries.ask(Count()) == 1
        assert (await bus.health()).database["pooler"] == "none"
        await until(lambda: _has(handled, ["a"]))
    assert database(tables, "SELECT name FROM mails") == [("a",)]
    assert database(tables, "SELECT count(*) FROM actorbus_messages") == [(0,)]


async def _has(values, expected):
    return values == expected


async def test_a_command_that_fails_leaves_neither_row_nor_message(tables):
    bus = shop(tables, [])
    async with bus.running(consume="none"):
        with pytest.raises(ValueError, match="no"):
            await bus.commands.send(Place("refused"))
        assert await bus.queries.ask(Count()) == 0
    assert database(tables, "SELECT count(*) FROM actorbus_messages") == [(0,)]


async def test_what_fails_for_good_is_a_dead_letter_without_effects(tables):
    bus = shop(tables, [])
    async with bus.running():
        await bus.commands.send(Place("unmailable"))

        async def dead():
            return await bus.dead_letters.count() == 1

        await until(dead)
        (letter,) = await bus.dead_letters.list()
        assert (letter.attempts, letter.exception_message) == (2, "no such address")
    assert database(tables, "SELECT count(*) FROM mails") == [(0,)]


async def test_handlers_that_lose_against_each_other_run_again_uncounted(tables):
    """Two upserts of two rows in opposite order: PostgreSQL ends one of them."""
    database(
        tables,
        "CREATE TABLE hot (n INTEGER PRIMARY KEY, x INTEGER NOT NULL)",
        "INSERT INTO hot VALUES (1, 0), (2, 0)",
    )
    bus = ActorBus("hot", store=tables)
    bus.add_channel("hot", retry=Retry(attempts=1))
    both = [trio.Event(), trio.Event()]
    starts = []

    @bus.event_handler(channel="hot", concurrency=2)
    async def bump(event: Placed, tx: Transaction) -> None:
        mine = int(event.order)
        starts.append(mine)
        await tx.execute("UPDATE hot SET x = x + 1 WHERE n = $1", mine)
        both[mine - 1].set()
        await both[2 - mine].wait()
        await tx.execute("UPDATE hot SET x = x + 1 WHERE n = $1", 3 - mine)

    async with bus.running():
        await bus.events.publish_many([Placed("1"), Placed("2")])

        async def done():
            return database(tables, "SELECT x FROM hot ORDER BY n") == [(2,), (2,)]

        await until(done)
        assert await bus.dead_letters.count() == 0
    assert len(starts) == 3


async def test_a_synchronous_handler_that_loses_runs_again_or_says_so(tables):
    """The caller gets the error of the second time."""
    bus = ActorBus("locked", store=f"{tables}{'&' if '?' in tables else '?'}lock_timeout=0.1")

    @bus.command_handler
    async def place(command: Place, tx: Transaction) -> None:
        await tx.execute("INSERT INTO orders VALUES ($1)", command.order)

    with psycopg.connect(tables) as other:
        other.execute("LOCK TABLE orders")
        async with bus.running():
            with pytest.raises((GroupLost, StoreUnavailable)):
                await bus.commands.send(Place("a"))
            other.rollback()
            await bus.commands.send(Place("b"))
    assert database(tables, "SELECT name FROM orders") == [("b",)]


async def test_a_subscriber_that_fails_undoes_the_publishers_transaction(tables):
    bus = ActorBus("subscribers", store=tables)

    @bus.command_handler
    async def place(command: Place, events: EventBus, tx: Transaction) -> None:
        await tx.execute("INSERT INTO orders VALUES ('a')")
        await events.publish(Placed("a"))

    @bus.event_handler
    async def good(event: Placed, tx: Transaction) -> None:
        await tx.execute("INSERT INTO mails VALUES ('a')")

    @bus.event_handler
    async def bad(event: Placed, tx: Transaction) -> None:
        await tx.execute("INSERT INTO nowhere VALUES ('a')")

    async with bus.running():
        with pytest.raises(SubscribersFailed):
            await bus.commands.send(Place("a"))
    assert database(tables, "SELECT name FROM orders UNION SELECT name FROM mails") == []


START = "import sys; from tests.integration import postgresql_worker as w; w.start(*sys.argv[1:])"


async def test_two_processes_share_the_work(postgres):
    database(postgres, "CREATE TABLE done (n INTEGER PRIMARY KEY, worker TEXT)")
    workers = [
        subprocess.Popen(  # noqa: ASYNC220  it is spoken to line by line
            [sys.executable, "-c", START, postgres, name],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("first", "second")
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert await trio.to_thread.run_sync(worker.stdout.readline) == "ready\n"
        bus = postgresql_worker.make_bus(postgres, "sender")
        async with bus.running(consume="none"):
            await bus.events.publish_many(postgresql_worker.Work(number) for number in range(500))

        async def done():
            return database(postgres, "SELECT count(*) FROM done") == [(500,)]

        await until(done, 60)
    finally:
        for worker in workers:
            worker.communicate()
    by = dict(database(postgres, "SELECT worker, count(*) FROM done GROUP BY worker"))
    assert set(by) == {"first", "second"}
    assert database(postgres, "SELECT count(*) FROM actorbus_messages") == [(0,)]
