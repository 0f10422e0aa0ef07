"""The whole path: sent, stored, claimed, handled in a transaction, settled; in each world."""

import asyncio
from dataclasses import dataclass

import pytest

from actorbus import ActorBus, CommandBus, EventBus, Headers, Letter, Retry, Transaction


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@dataclass(frozen=True)
class Confirm:
    number: int


@dataclass(frozen=True)
class GetConfirmed:
    pass


def make_bus(store, seen):
    bus = ActorBus("shop", store)
    bus.add_channel("confirmations", retry=Retry(attempts=3, initial=0.01))

    @bus.event_handler(channel="confirmations")
    async def confirm(event: OrderPlaced, tx: Transaction, commands: CommandBus, headers: Headers):
        await tx.execute("INSERT INTO confirmed VALUES ($1, $2)", event.number, headers["tenant"])
        tx.after_commit(lambda: seen.add(("confirmed", event.number)))
        await commands.send(Confirm(event.number))

    @bus.command_handler(channel="confirmations")
    def note(command: Confirm, headers: Headers):
        seen.add(("noted", command.number, headers["tenant"]))

    @bus.query_handler
    async def confirmed(query: GetConfirmed, tx: Transaction) -> list[tuple[int, str]]:
        return [tuple(row) for row in await tx.fetch("SELECT * FROM confirmed ORDER BY 1")]

    @bus.command_handler("make tables")
    async def make_tables(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE confirmed (number INTEGER, tenant TEXT)")

    return bus


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    return ":memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


async def test_an_event_is_handled_in_a_transaction_and_what_that_sends_too(store, seen):
    bus = make_bus(store, seen)
    async with bus.running():
        await bus.commands.send({}, routing_key="make tables")
        await bus.events.publish(OrderPlaced(7), headers={"tenant": "acme"})
        await seen.until(2)
        rows = await bus.queries.ask(GetConfirmed())

    assert rows == [(7, "acme")]
    assert sorted(seen.items) == [("confirmed", 7), ("noted", 7, "acme")]


def test_the_same_under_asyncio(store, seen):
    bus = make_bus(store, seen)

    async def main():
        async with bus.running():
            await bus.commands.send({}, routing_key="make tables")
            await bus.events.publish(OrderPlaced(7), headers={"tenant": "acme"})
            await seen.until(2)
            return await bus.queries.ask(GetConfirmed())

    assert asyncio.run(main()) == [(7, "acme")]


def test_the_same_from_a_plain_thread(store, seen):
    bus = make_bus(store, seen)
    with bus.running_in_thread():
        bus.commands.send({}, routing_key="make tables").get()
        bus.events.publish(OrderPlaced(7), headers={"tenant": "acme"}).get()
        seen.until(2).get(timeout=10)
        rows = bus.queries.ask(GetConfirmed()).get()

    assert rows == [(7, "acme")]


async def test_many_letters_are_stored_once_however_often_they_are_sent(store, seen):
    bus = make_bus(store, seen)
    letters = [
        Letter(Confirm(n), message_id=f"row-{n}", headers={"tenant": "t"}) for n in range(1200)
    ]
    async with bus.running():
        first = await bus.commands.send_many(letters)
        again = await bus.commands.send_many(iter(letters), batch=7)
        await seen.until(1200)

    assert (first, again) == (1200, 0)
    assert sorted(item[1] for item in seen.items) == list(range(1200))


async def test_a_failing_handler_sends_nothing_and_is_tried_again(store, seen):
    attempts = []
    bus = ActorBus("shop", store)
    bus.add_channel("c", retry=Retry(attempts=3, initial=0.01))

    @bus.event_handler(channel="c")
    async def confirm(event: OrderPlaced, commands: CommandBus, headers: Headers):
        await commands.send(Confirm(event.number))
        attempts.append(headers.attempt)
        if headers.attempt < 3:
            raise ValueError("not yet")

    @bus.command_handler(channel="c")
    async def note(command: Confirm, headers: Headers):
        seen.add((command.number, headers.causation_id, headers.correlation_id))

    async with bus.running():
        message_id = await bus.events.publish(OrderPlaced(7))
        await seen.until(1)

    assert attempts == [1, 2, 3]
    assert seen.items == [(7, message_id, message_id)]


async def test_a_gateway_with_a_channel_makes_synchronous_handlers_asynchronous(store, seen):
    class Outbox(EventBus, channel="outbox"): ...

    bus = ActorBus("shop", store)
    bus.add_channel("outbox")

    @bus.event_handler
    async def confirm(event: OrderPlaced):
        seen.add(event.number)

    outbox = bus.gateway(Outbox)
    async with bus.running():
        await outbox.publish(OrderPlaced(1))
        await seen.until(1)
        await bus.events.publish(OrderPlaced(2))
        assert seen.items == [1, 2]
