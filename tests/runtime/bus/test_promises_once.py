"""Once is once: statements that outlive their handlers, endpoints that are renamed."""

import asyncio
from dataclasses import dataclass

import trio

from actorbus import ActorBus, Retry, Transaction
from actorbus.stores.sqlite import _once

MANY = [(number,) for number in range(200_000)]


@dataclass(frozen=True)
class Ordered:
    number: int


def shop(path, **options):
    bus = ActorBus("shop", f"sqlite:///{path}/shop.db", **options)
    bus.add_channel("orders", retry=Retry(attempts=1))

    @bus.command_handler("make table")
    async def make_table(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE rows (number INTEGER)")

    @bus.query_handler("count rows")
    async def count_rows(query: dict[str, str], tx: Transaction) -> int:
        return len(await tx.fetch("SELECT number FROM rows"))

    return bus


async def rows_and_dead_letters(bus):
    async with bus.running():
        await bus.commands.send({}, routing_key="make table")
        await bus.events.publish(Ordered(1))
        await bus.idle()
        rows = await bus.queries.ask({}, routing_key="count rows")
        return rows, [letter.exception for letter in await bus.dead_letters.list()]


def test_a_statement_that_outlives_its_failed_asyncio_handler_is_undone_with_it(tmp_path):
    """`gather` does not wait for the others when one fails; the rollback does."""
    bus = shop(tmp_path)

    @bus.event_handler(channel="orders")
    async def order(event: Ordered, tx: Transaction):
        await tx.execute("INSERT INTO rows VALUES (-1)")
        await asyncio.gather(tx.executemany("INSERT INTO rows VALUES ($1)", MANY), fail_soon())

    async def fail_soon():
        await asyncio.sleep(0.01)
        raise ValueError

    assert asyncio.run(rows_and_dead_letters(bus)) == (0, ["ValueError"])


def test_a_statement_that_outlives_its_plain_handlers_timeout_is_undone_with_it(tmp_path):
    bus = shop(tmp_path)

    @bus.event_handler(channel="orders", timeout=0.05)
    def order(event: Ordered, tx: Transaction):
        tx.execute("INSERT INTO rows VALUES (-1)")
        tx.executemany("INSERT INTO rows VALUES ($1)", MANY)

    found = asyncio.run(rows_and_dead_letters(bus))

    assert found == (0, ["actorbus.HandlerTimeout"])


async def test_a_sender_run_again_after_an_endpoint_was_renamed_changes_nothing_twice(tmp_path):
    """The gateway does not know the key under the new id; the claim does, under any of its ids."""
    started = []

    def shop_with(endpoint_id, *aliases):
        bus = shop(tmp_path)

        @bus.event_handler(channel="orders", endpoint_id=endpoint_id, aliases=aliases)
        async def order(event: Ordered, tx: Transaction):
            started.append(event.number)
            await tx.execute("INSERT INTO rows VALUES ($1)", event.number)

        return bus

    before = shop_with("order.v1")
    async with before.running():
        await before.commands.send({}, routing_key="make table")
        await before.events.publish(Ordered(1), message_id="order 1")
        await before.idle()
    async with before.running(consume="none"):
        await before.events.publish(Ordered(2), message_id="order 2")
    after = shop_with("order.v2", "order.v1")
    async with after.running():
        await after.idle()
        for number in (1, 2, 3):
            await after.events.publish(Ordered(number), message_id=f"order {number}")
        await after.idle()
        rows = await after.queries.ask({}, routing_key="count rows")

    assert (started, rows, after.counters.dead) == ([1, 2, 3], 3, 0)


async def test_of_copies_under_two_ids_with_one_key_one_is_started(tmp_path):
    """The second waits for what becomes of the first, and is then one that was handled."""
    bus, old = shop(tmp_path), shop(tmp_path)
    started, second_looked_at = [], trio.Event()

    @bus.event_handler(channel="orders", endpoint_id="order.v2", aliases=["order.v1"])
    async def order(event: Ordered):
        started.append(event.number)
        if event.number == 2:
            second_looked_at.set()
        await second_looked_at.wait()

    old.event_handler(channel="orders", endpoint_id="order.v1")(order)
    for sender in (old, bus):
        async with sender.running(consume="none"):
            await sender.events.publish(Ordered(1), message_id="order 1")
    async with bus.running():
        await bus.events.publish(Ordered(2))
        await bus.idle()
        with trio.fail_after(20):
            while await bus.store.statistics():  # noqa: ASYNC110  a store tells of no empty queue
                await trio.sleep(0.05)

    assert (started, bus.counters.handled, bus.counters.dead) == ([1, 2], 3, 0)


async def test_of_two_copies_that_run_at_once_one_has_its_effect(tmp_path, monkeypatch):
    """Whatever claims have overlooked: the key decides when they commit."""
    monkeypatch.setattr(_once, "_second_copies", lambda cursor, lists, found: {})
    bus, both = shop(tmp_path), trio.Event()
    running = []

    @bus.event_handler(channel="orders", endpoint_id="order.v2", aliases=["order.v1"])
    async def order(event: Ordered, tx: Transaction):
        running.append(event.number)
        if len(running) == 2:
            both.set()
        await both.wait()
        await tx.execute("INSERT INTO rows VALUES ($1)", event.number)

    old = shop(tmp_path)
    old.event_handler(channel="orders", endpoint_id="order.v1")(order)
    for sender in (old, bus):
        async with sender.running(consume="none"):
            await sender.events.publish(Ordered(1), message_id="order 1")
    async with bus.running():
        await bus.commands.send({}, routing_key="make table")
        await bus.idle()
        rows = await bus.queries.ask({}, routing_key="count rows")

    assert (running, rows, bus.counters.handled) == ([1, 1], 1, 2)
