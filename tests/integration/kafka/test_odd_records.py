"""Records that the driver cannot read, or that are none: the others of their partition go on."""

import struct

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from actorbus import ForeignRecord, Transaction
from actorbus.channels.kafka._records import Produced
from tests.integration.kafka.conftest import OrderPlaced, eventually, record
from tests.services._kafka import in_asyncio

BILL = "shop.bill"
GROUP = "shop.orders"
MARK = "no-text-"
NO_TEXT = b"no-text\xff"


def produce_as_is(broker, *records, partition):
    """Write records in one batch; MARK in the name of a header becomes bytes that are no UTF-8."""

    async def produce():
        async with AIOKafkaProducer(bootstrap_servers=broker.servers) as producer:
            builder = producer.create_batch()
            for one in records:
                builder.append(timestamp=None, key=one.key, value=one.value, headers=one.headers)
            builder.close()
            built = bytearray(bytes(builder._build()).replace(MARK.encode(), NO_TEXT))
            built[17:21] = struct.pack(">I", calc_crc32c(bytes(built[21:])))
            builder._buffer = built
            await (await producer.send_batch(builder, broker.topic, partition=partition))

    in_asyncio(produce)


async def test_a_header_whose_name_is_no_text_holds_nothing_up(make_bus, broker, seen):
    """A message of a bus is handled with it, another program's record is that program's."""
    bus = make_bus()
    records = []

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    @bus.event_handler(channel="orders")
    async def others(record: ForeignRecord, tx: Transaction) -> None:
        records.append(record)
        seen.add(-1)

    marked = record(1, BILL)
    marked.headers.append((MARK, b""))
    foreign = Produced(None, b"theirs", [(MARK, b"is here")])
    produce_as_is(broker, record(0, BILL), marked, foreign, record(2, BILL), partition=0)
    broker.produce(record(3, BILL), partition=0)
    broker.produce(*(record(number, BILL) for number in range(4, 8)), partition=1)
    async with bus.running():
        await seen.until(9)
        await eventually(lambda: broker.committed(GROUP) == {0: 5, 1: 4})
        assert (await bus.health()).is_healthy
    assert sorted(seen.numbers) == [-1, *range(8)]
    assert [(one.value, one.headers) for one in records] == [
        (b"theirs", (("no-text\\xff", b"is here"),))
    ]


async def test_what_a_transaction_took_back_and_its_marks_are_passed_over(make_bus, broker, seen):
    """A record without a value, as compaction leaves them, is a dead letter."""
    bus = make_bus()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    async def produce():
        options = {"bootstrap_servers": broker.servers, "transactional_id": broker.topic}
        async with AIOKafkaProducer(**options) as producer:
            for number in range(4):
                await producer.begin_transaction()
                one = record(number, BILL)
                await producer.send(broker.topic, one.value, headers=one.headers, partition=0)
                if number % 2:
                    await producer.commit_transaction()
                else:
                    await producer.abort_transaction()
            await producer.begin_transaction()
            await producer.send(broker.topic, None, key=b"k", partition=0)
            await producer.commit_transaction()

    in_asyncio(produce)
    async with bus.running():
        await seen.until(2)
        await eventually(lambda: broker.committed(GROUP).get(0) == 9)
        (letter,) = await bus.dead_letters.list()
    assert seen.numbers == [1, 3]
    assert letter.exception_message == "it has no header 'actorbus'"
