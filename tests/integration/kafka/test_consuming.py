"""A channel on Kafka is consumed: handled, settled, committed."""

import trio

from actorbus import Retry, Transaction
from tests.integration.kafka.conftest import OrderPlaced, eventually, record

BILL = "shop.bill"


async def test_what_is_on_the_topic_is_handled_and_its_offsets_are_committed(
    make_bus, broker, seen
):
    bus = make_bus()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(100)))
    async with bus.running():
        assert sorted(await seen.until(100)) == list(range(100))
        await eventually(lambda: sum(broker.committed("shop.orders").values()) == 100)


async def test_what_was_handled_is_not_handled_again_after_a_restart(make_bus, broker, seen):
    for run in range(2):
        bus = make_bus()

        @bus.event_handler(channel="orders", endpoint_id=BILL)
        async def bill(event: OrderPlaced, tx: Transaction) -> None:
            seen.add(event.number)

        broker.produce(*(record(number, BILL) for number in range(run * 10, run * 10 + 10)))
        async with bus.running():
            await seen.until(run * 10 + 10)
    assert sorted(seen.numbers) == list(range(20))
    assert sum(broker.committed("shop.orders").values()) == 20


async def test_a_second_record_of_a_message_is_skipped(make_bus, broker, seen):
    bus = make_bus()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in (1, 2, 1, 2)))
    async with bus.running():
        await seen.until(2)
        broker.produce(record(1, BILL), record(3, BILL))
        await seen.until(3)
        await eventually(lambda: sum(broker.committed("shop.orders").values()) == 6)
    assert sorted(seen.numbers) == [1, 2, 3]


async def test_a_message_that_fails_does_not_hold_up_its_partition(make_bus, broker, seen):
    """Its retry runs from the store; the offset of its record is committed."""
    bus = make_bus(retry=Retry(attempts=3, initial=0.3, jitter=0))
    failed = []

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        if event.number == 0 and len(failed) < 2:
            failed.append(event.number)
            raise ValueError("not yet")
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(20)), partition=1)
    async with bus.running():
        await seen.until(20)
        await eventually(lambda: broker.committed("shop.orders").get(1) == 20)
        assert bus.system
    assert failed == [0, 0]
    assert seen.numbers[-1] == 0


async def test_only_what_handlers_soon_need_may_have_begun(make_bus, broker, seen, store_url):
    """Of all that was fetched; it is what others take for suspect should this process die."""
    bus = make_bus(concurrency=2, max_in_flight=4)
    may_end = trio.Event()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)
        await may_end.wait()

    broker.produce(*(record(number, BILL) for number in range(400)), partition=0)
    async with bus.running():
        await seen.until(2)
        async with await bus.store.snapshot("test") as view:
            (row,) = await view.fetch("SELECT begun_to FROM actorbus_partitions")
        may_end.set()
        await seen.until(400)
    assert 2 <= row[0] <= 110
    assert sorted(seen.numbers) == list(range(400))


async def test_an_endpoint_whose_handlers_hang_keeps_no_other_from_its_messages(
    make_bus, broker, seen
):
    bus = make_bus(concurrency=2, max_in_flight=4)
    may_end = trio.Event()

    @bus.event_handler(channel="orders", endpoint_id="shop.hang")
    async def hang(event: OrderPlaced, tx: Transaction) -> None:
        await may_end.wait()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    hanging = (record(number, "shop.hang") for number in range(300))
    broker.produce(*hanging, *(record(number, BILL) for number in range(300, 310)), partition=0)
    async with bus.running():
        await seen.until(10)
        may_end.set()
