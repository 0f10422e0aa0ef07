"""The gateway to other services from every world, and two buses on one store."""

import asyncio
from pathlib import Path

import pytest
import trio

from actorbus import (
    ActorBus,
    BusStateError,
    DistributedBus,
    ReadOnlyTransaction,
    ServiceMap,
)
from actorbus.running._pace import WATCH_EVERY
from actorbus.stores import SqliteStore
from actorbus.testing import process


def sender(store, **options):
    bus = ActorBus("flights", store, **options)
    bus.add_channel("orders-inbox")
    bus.add_service_map(
        ServiceMap({"orders": "orders-inbox"}, subscriptions={"orders": ["flights.#"]})
    )
    return bus


def receiver(store, seen, **options):
    bus = ActorBus("orders", store, **options)
    bus.add_inbox("orders-inbox")

    @bus.event_handler("flights.#", distributed=True, endpoint_id="note")
    async def note(event: dict[str, int]) -> None:
        seen.add(event["number"])

    return bus


def test_plain_threads_send_and_get_the_receipt(tmp_path, seen):
    url = f"sqlite:///{tmp_path / 'bus.db'}"
    with sender(url).running_in_thread() as flights, receiver(url, seen).running_in_thread():
        receipt = flights.distributed.publish_event("flights.left", {"number": 1}).get()
        assert len(receipt) == 32
        seen.until(1).get(timeout=10)

    assert seen.items == [1]


def test_asyncio_awaits_the_receipt(tmp_path, seen):
    url = f"sqlite:///{tmp_path / 'bus.db'}"

    async def main():
        async with sender(url).running() as flights, receiver(url, seen).running():
            await flights.distributed.send_command("orders", "unknown", {})
            await flights.distributed.publish_event("flights.left", {"number": 1})
            await asyncio.wait_for(seen.until(1), 10)

    asyncio.run(main())
    assert seen.items == [1]


async def test_a_plain_handler_sends_with_its_transaction(seen):
    store = SqliteStore(None)
    flights = sender(store)

    @flights.command_handler("record", endpoint_id="record")
    def record(command: dict[str, int], services: DistributedBus) -> None:
        services.publish_event("flights.left", command)
        if command["number"] > 1:
            raise ValueError("undone")

    async with flights.running(), receiver(store.beside(), seen).running() as orders:
        await flights.commands.send({"number": 1}, routing_key="record")
        with pytest.raises(ValueError, match="undone"):
            await flights.commands.send({"number": 2}, routing_key="record")
        await orders.idle()

    assert seen.items == [1]


async def test_a_query_handler_sends_nothing():
    flights = sender(":memory:")

    @flights.query_handler("ask", endpoint_id="ask")
    async def ask(query: dict[str, int], services: DistributedBus) -> None:
        await services.publish_event("flights.left", query)

    async with flights.running():
        with pytest.raises(ReadOnlyTransaction):
            await flights.queries.ask({"number": 1}, routing_key="ask")


async def test_a_gateway_is_there_while_the_bus_runs():
    flights = sender(":memory:")
    with pytest.raises(BusStateError, match="is not running"):
        flights.distributed.publish_event("flights.left", {})


def test_gateways_say_how_they_send():
    class Outbox(DistributedBus, channel="outbox"):
        pass

    class Later(Outbox, delay=5, service_map="partners"):
        pass

    bus = ActorBus("flights")
    assert repr(bus.distributed) == "<DistributedBus by 'default'>"
    assert "Later by 'partners' through 'outbox'>" in repr(bus.gateway(Later))
    assert (Later.options, Outbox.options) == ({"delay": 5}, {})


async def test_idle_hears_of_what_another_bus_stored(tmp_path, seen, autojump_clock):
    """The look at the counts takes the news from the poller, and has to pass it on."""
    store = SqliteStore(None)
    flights, orders = sender(store), receiver(store.beside(), seen)

    async with flights.running(), orders.running():
        for number in range(50):
            before = trio.current_time()
            await flights.distributed.publish_event("flights.left", {"number": number})
            await orders.idle()
            assert len(seen.items) == number + 1
            assert trio.current_time() - before < WATCH_EVERY  # nobody had to look after it


async def test_a_store_in_memory_lives_while_one_of_those_beside_it_is_open():
    first = SqliteStore(None)
    second = first.beside()
    await first.open(process("one"))
    await second.open(process("two"))
    assert first._parts is not None
    folder = Path(first._parts.database.path).parent
    assert {row.process_id for row in await second.processes()} == {"one", "two"}
    assert first.has_data_of(second)
    await first.close()
    assert folder.exists()
    assert [row.process_id for row in await second.processes()] == ["two"]
    await second.close()
    assert not folder.exists()


async def test_a_service_with_several_inboxes_takes_from_all_of_them(seen):
    store = SqliteStore(None)
    flights, orders = sender(store), receiver(store.beside(), seen)
    orders.add_inbox("second-inbox")
    flights.add_channel("second-inbox")
    flights.add_service_map(ServiceMap({"orders": "second-inbox"}, name="second"))

    class SecondBus(DistributedBus, service_map="second"):
        pass

    second = flights.gateway(SecondBus)
    async with flights.running(), orders.running():
        await flights.distributed.publish_event("flights.left", {"number": 1})
        await second.send_message("orders", "note", {"number": 2})
        await orders.idle()

    assert sorted(seen.items) == [1, 2]
