"""What becomes of messages from Kafka that are not simply handled."""

import msgspec
import trio

from actorbus import (
    DeadLetterFilter,
    ForeignRecord,
    MessageDied,
    Ordering,
    Retry,
    Transaction,
    header,
)
from actorbus.channels.kafka._records import Produced
from tests.integration.kafka.conftest import OrderPlaced, eventually, record

BILL = "shop.bill"
SHIP = "shop.ship"
GROUP = "shop.orders"


async def test_what_fails_for_good_is_a_dead_letter_and_is_replayed_from_the_store(
    make_bus, broker, seen
):
    bus = make_bus(retry=Retry(attempts=1))
    works = trio.Event()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        if event.number == 3 and not works.is_set():
            raise ValueError("no such customer")
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(5)), partition=0)
    async with bus.running():
        await seen.until(4)
        await eventually(lambda: broker.committed(GROUP).get(0) == 5)
        (letter,) = await bus.dead_letters.list()
        assert (letter.message_id, letter.channel, letter.endpoint) == ("m3", "orders", BILL)
        works.set()
        await bus.dead_letters.replay(DeadLetterFilter(message_id="m3"))
        await seen.until(5)
    assert seen.numbers == [0, 1, 2, 4, 3]


async def test_messages_for_endpoints_that_are_not_here_wait_in_the_store_for_who_has_them(
    make_bus, broker, seen
):
    old, new = make_bus(), make_bus()

    @old.event_handler(channel="orders", endpoint_id=BILL)
    @new.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    @new.event_handler(channel="orders", endpoint_id=SHIP)
    async def ship(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number + 100)

    broker.produce(record(1, SHIP), record(1, BILL), record(2, SHIP), record(2, BILL))
    async with old.running():
        await seen.until(2)
        await eventually(lambda: sum(broker.committed(GROUP).values()) == 4)
    async with new.running():
        await seen.until(4)
    assert sorted(seen.numbers) == [1, 2, 101, 102]


async def test_records_of_other_programs_go_to_the_handler_that_asks_for_them(
    make_bus, broker, seen
):
    bus = make_bus()
    records = []

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    @bus.event_handler(channel="orders")
    async def legacy(record: ForeignRecord, tx: Transaction) -> None:
        records.append(record)
        seen.add(-1)

    broker.produce(
        Produced(b"k", b'{"order": 7}', [("source", b"erp")]),
        record(1, BILL),
        Produced(None, b"\x00\xff", []),
        Produced(None, b"", [("actorbus", b"garbage")]),
        partition=2,
    )
    async with bus.running():
        await seen.until(4)
        await eventually(lambda: broker.committed(GROUP).get(2) == 4)
    json, raw, damaged = sorted(records, key=lambda one: one.offset)
    assert (json.key, json.value, json.headers) == (b"k", b'{"order": 7}', (("source", b"erp"),))
    assert (raw.value, raw.partition, raw.offset) == (b"\x00\xff", 2, 2)
    assert "cannot be read" in damaged.why


async def test_records_of_other_programs_are_dead_letters_where_no_handler_asks_for_them(
    make_bus, broker, seen
):
    bus = make_bus()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    broker.produce(Produced(b"k", b'{"order": 7}', []), record(1, BILL), partition=0)
    async with bus.running():
        died = []
        bus.system.events.subscribe(died.append, MessageDied)
        await seen.until(1)
        await eventually(lambda: broker.committed(GROUP).get(0) == 2)
        (letter,) = await bus.dead_letters.list()
        shown = await bus.dead_letters.show(letter.copy_id)
    assert (letter.reason, letter.endpoint) == ("undecodable", "foreign")
    assert letter.attempts == 0
    assert letter.message_id.startswith(f"{broker.topic}/0/0/")
    assert "it has no header 'actorbus'" in (letter.exception_message or "")
    assert b'{"order": 7}' in shown.body


async def test_what_cannot_be_decoded_is_a_dead_letter_and_the_rest_goes_on(make_bus, broker, seen):
    bus = make_bus()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    broker.produce(record(1, BILL, body=b"\xc1"), record(2, BILL), partition=0)
    async with bus.running():
        await seen.until(1)
        await eventually(lambda: broker.committed(GROUP).get(0) == 2)
        (letter,) = await bus.dead_letters.list()
    assert (letter.reason, letter.message_id) == ("undecodable", "m1")


async def test_a_message_that_is_too_old_is_not_started(make_bus, broker, seen):
    bus = make_bus()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    broker.produce(record(1, BILL, time_to_live=5.0), record(2, BILL), partition=0)
    async with bus.running():
        await seen.until(1)
        await eventually(lambda: broker.committed(GROUP).get(0) == 2)
        assert (await bus.health()).channels[0].endpoints[0].expired == 1
    assert seen.numbers == [2]


async def test_of_an_ordering_key_one_message_waits_for_the_one_before_and_other_keys_go_on(
    make_bus, broker, seen
):
    """1, 2, 3 with 1 retrying: the key waits, another key of the partition does not."""
    bus = make_bus(retry=Retry(attempts=4, initial=0.4, jitter=0), concurrency=5)
    failed = []

    @bus.event_handler(channel="orders", endpoint_id=BILL, ordering_key=header("customer"))
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        if event.number == 1 and len(failed) < 2:
            failed.append(event.number)
            raise ValueError("not yet")
        seen.add(event.number)

    numbers = {"acme": (1, 2, 3), "other": (11, 12, 13)}
    broker.produce(
        *(
            record(number, BILL, ordering_key=key)
            for pair in zip(*[[(k, n) for n in ns] for k, ns in numbers.items()], strict=True)
            for key, number in pair
        ),
        partition=0,
    )
    async with bus.running():
        await seen.until(6)
        await eventually(lambda: broker.committed(GROUP).get(0) == 6)
        broker.produce(record(4, BILL, ordering_key="acme"), partition=0)
        await seen.until(7)
    assert [one for one in seen.numbers if one < 10] == [1, 2, 3, 4]
    assert seen.numbers[:3] == [11, 12, 13]


async def test_a_dead_letter_of_a_key_that_parks_holds_the_others_until_it_is_replayed(
    make_bus, broker, seen
):
    bus = make_bus(retry=Retry(attempts=1))
    works = trio.Event()
    rule = Ordering(header("customer"), on_failure="park")

    @bus.event_handler(channel="orders", endpoint_id=BILL, ordering_key=rule)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        if event.number == 1 and not works.is_set():
            raise ValueError("no")
        seen.add(event.number)

    keys = {1: "acme", 2: "acme", 3: "other"}
    broker.produce(*(record(n, BILL, ordering_key=k) for n, k in keys.items()), partition=0)
    async with bus.running():
        await seen.until(1)
        await eventually(lambda: broker.committed(GROUP).get(0) == 3)
        assert seen.numbers == [3]
        works.set()
        await bus.dead_letters.replay(DeadLetterFilter(message_id="m1"))
        await seen.until(3)
    assert seen.numbers == [3, 1, 2]


async def test_a_batch_handler_takes_messages_from_kafka(make_bus, broker, seen):
    from actorbus import Batch

    bus = make_bus()
    sizes = []

    @bus.event_handler(channel="orders", endpoint_id=BILL, batch=Batch(size=10, wait=0.2))
    async def bill(events: list[OrderPlaced], tx: Transaction) -> None:
        sizes.append(len(events))
        for event in events:
            seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(40)), partition=0)
    async with bus.running():
        await seen.until(40)
        await eventually(lambda: broker.committed(GROUP).get(0) == 40)
    assert max(sizes) > 1
    assert sorted(seen.numbers) == list(range(40))


async def test_two_copies_that_run_at_once_are_handled_once_noted_first(make_bus, broker, seen):
    bus = make_bus(inbox="first")

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in (1, 2, 3)), partition=0)
    broker.produce(*(record(number, BILL) for number in (1, 2, 3)), partition=1)
    async with bus.running():
        await seen.until(3)
        await eventually(lambda: sum(broker.committed(GROUP).values()) == 6)
    assert sorted(seen.numbers) == [1, 2, 3]


def test_a_body_of_a_record_is_what_handlers_elsewhere_read():
    assert msgspec.msgpack.decode(record(7, BILL).value) == {"number": 7}
