"""What becomes of calls that leave a handler's transaction: another bus's, dropped ones."""

import asyncio
from dataclasses import dataclass

import pytest
import trio

from actorbus import ActorBus, Headers, MessageDied, Retry, Transaction, detached


@dataclass(frozen=True)
class Ordered:
    number: int


@dataclass(frozen=True)
class Shipped:
    number: int


async def test_what_a_handler_sends_through_another_bus_is_that_buss(seen):
    """It is stored there, at once, and not in the transaction of the bus that runs the handler."""
    shop, stock = ActorBus("shop"), ActorBus("stock")
    shop.add_channel("orders")
    stock.add_channel("parcels")

    @shop.event_handler(channel="orders")
    async def order(event: Ordered, tx: Transaction):
        await tx.execute("CREATE TABLE orders (number INTEGER)")
        await stock.events.publish(Shipped(event.number))
        await stock.events.publish_many([Shipped(event.number + 1)])

    @stock.event_handler(channel="parcels")
    async def ship(event: Shipped):
        seen.add(event.number)

    async with shop.running(), stock.running():
        await shop.events.publish(Ordered(1))
        with trio.fail_after(5):
            await seen.until(2)

    assert sorted(seen.items) == [1, 2]


async def test_headers_are_passed_on_to_another_bus(seen):
    """They are context: one conversation may go through several buses."""
    shop, stock = ActorBus("shop"), ActorBus("stock")
    shop.add_channel("orders")
    stock.add_channel("parcels")

    @shop.event_handler(channel="orders")
    async def order(event: Ordered, headers: Headers):
        seen.add(headers)
        await stock.events.publish(Shipped(event.number), headers={"floor": "2"})
        with detached():
            await stock.events.publish(Shipped(event.number))

    @stock.event_handler(channel="parcels", concurrency=1)
    async def ship(event: Shipped, headers: Headers):
        seen.add(headers)

    async with shop.running(), stock.running():
        await shop.events.publish(Ordered(1), headers={"tenant": "acme"})
        with trio.fail_after(5):
            await seen.until(3)

    first, second, apart = seen.items
    assert (second.correlation_id, second.causation_id) == (first.correlation_id, first.id)
    assert dict(second) == {"tenant": "acme", "floor": "2"}
    assert (apart.correlation_id, apart.causation_id, dict(apart)) == (apart.id, "", {})


async def test_two_buses_on_one_file_share_a_handlers_transaction(tmp_path, seen):
    """What is sent through the other one leaves with the handler's commit, or not at all."""
    url = f"sqlite:///{tmp_path}/shop.db"
    shop, stock = ActorBus("shop", url), ActorBus("stock", url)
    shop.add_channel("orders", retry=Retry(attempts=2, initial=0.01))
    stock.add_channel("parcels")

    @shop.event_handler(channel="orders")
    async def order(event: Ordered, headers: Headers, tx: Transaction):
        await tx.execute("CREATE TABLE orders (attempt INTEGER)")
        await stock.events.publish(Shipped(headers.attempt))
        await stock.commands.send({"attempt": headers.attempt}, routing_key="note")
        if headers.attempt == 1:
            raise ValueError

    @stock.command_handler("note")
    async def note(command: dict[str, int], tx: Transaction):
        await tx.execute("INSERT INTO orders VALUES ($1)", command["attempt"])

    @stock.event_handler(channel="parcels")
    async def ship(event: Shipped, tx: Transaction):
        rows = await tx.fetch("SELECT attempt FROM orders")
        seen.add((event.number, [attempt for (attempt,) in rows]))

    async with shop.running(), stock.running():
        await shop.events.publish(Ordered(1))
        with trio.fail_after(5):
            await seen.until(1)
        await stock.idle()

    assert seen.items == [(2, [2])]
    assert shop.counters.retried == 1


def test_an_error_that_nobody_awaited_undoes_everything_under_asyncio_too():
    """Its failure would be seen by nobody, and the rest would be committed without it."""
    bus = ActorBus("shop")
    bus.add_channel("orders", retry=Retry(attempts=1))

    @bus.event_handler(channel="orders")
    async def order(event: Ordered, tx: Transaction):
        tx.execute("INSERT INTO no_such_table VALUES (1)")
        await asyncio.sleep(0.05)

    async def main():
        async with bus.running():
            await bus.events.publish(Ordered(1))
            await bus.idle()
            return await bus.dead_letters.list()

    (letter,) = asyncio.run(main())

    assert letter.exception == "actorbus.RollbackOnly"
    assert "no_such_table" in letter.traceback


@pytest.mark.parametrize("world", ["trio", "asyncio", "thread"])
async def test_a_cancelled_error_of_a_handlers_own_is_its_messages_failure(world):
    """It uses up the message's attempts like any exception, and restarts nothing."""
    bus = ActorBus("shop")
    bus.add_channel("orders", retry=Retry(attempts=2, initial=0.01))
    dead = trio.Event()

    def fail(event: Ordered):
        raise asyncio.CancelledError

    async def fail_async(event: Ordered):
        raise asyncio.CancelledError

    if world == "thread":
        bus.event_handler(channel="orders")(fail)
    else:
        bus.event_handler(channel="orders", runs_on=world)(fail_async)
    async with bus.running():
        bus.system.events.subscribe(lambda event: dead.set(), MessageDied)
        await bus.events.publish(Ordered(1))
        with trio.fail_after(5):
            await dead.wait()
        health = await bus.health()

    endpoint = health.channels[0].endpoints[0]
    assert (endpoint.started, endpoint.retried, endpoint.restarts) == (2, 1, 0)
