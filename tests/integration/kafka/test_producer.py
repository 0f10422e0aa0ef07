"""What is produced at a real broker: where it goes, in which order, and whose failure is whose."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from actorbus._store import Claimed
from actorbus.channels._broker import BrokerUnavailable
from actorbus.channels.kafka import _producer
from actorbus.channels.kafka._producer import KafkaBroker
from actorbus.channels.kafka._records import from_record
from actorbus.declaring._kafka_channel import KafkaChannel
from tests.integration.kafka.messages import message


async def arrived(servers, topic, count):
    """Return the records of a topic by partition, once there are so many."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        found: dict[int, list[Any]] = {}
        async with asyncio.timeout(20):
            while sum(map(len, found.values())) < count:
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    assert isinstance(place, TopicPartition)
                    found.setdefault(place.partition, []).extend(records)
        return found
    finally:
        await consumer.stop()


@pytest.fixture
def publish(kafka_server, topic):
    """Publish batches at once, and return their outcomes and what arrived."""

    def publish(*batches, arriving=None, **options):
        async def run():
            broker = KafkaBroker(channel(kafka_server.servers, topic, **options), time.time)
            await broker.start()
            try:
                outcomes = await asyncio.gather(*(broker.publish(each) for each in batches))
            finally:
                await broker.stop()
            count = sum(map(len, batches)) if arriving is None else arriving
            return outcomes, await arrived(kafka_server.servers, topic, count)

        return asyncio.run(run())

    return publish


def channel(servers, topic, **options):
    return KafkaChannel("kafka", servers=servers, topic=topic, **options)


def received(record):
    found = from_record(record, "kafka")
    assert isinstance(found, Claimed)
    return found


def ids(records):
    return [received(one).message_id for one in records]


def test_messages_arrive_with_all_that_they_carry(publish):
    """Their bodies as they are, addressed to the endpoint behind the broker."""
    ((outcomes,), partitions) = publish([message(1, "k", body=b"\x00\xff")])
    ((record,),) = partitions.values()
    found = received(record)

    assert outcomes == [None]
    assert (found.endpoint, found.message_id, found.body) == ("bill", "m-1", b"\x00\xff")
    assert found.headers == '{"a":"b"}'
    assert record.key == b"k"


def test_a_key_is_in_the_partition_that_java_would_choose_and_in_order(publish):
    """Whatever else is published beside it."""
    keys = [f"key-{n}" for n in range(7)]
    ((one, other), found) = publish(
        [message(n, keys[n % 7]) for n in range(700)], [message(n) for n in range(700, 900)]
    )
    choose = DefaultPartitioner()

    assert [*one, *other] == [None] * 900
    for partition, records in found.items():
        of_keys = [record for record in records if record.key]
        assert all(choose(r.key, [0, 1, 2, 3], []) == partition for r in of_keys)
        for key in {record.key for record in of_keys}:
            numbers = [int(m[2:]) for m in ids(r for r in of_keys if r.key == key)]
            assert numbers == sorted(numbers)
    assert sum(map(len, found.values())) == 900


def test_messages_without_a_key_are_on_all_partitions(publish):
    _, found = publish([message(n) for n in range(500)])
    assert len(found) == 4


def test_a_record_that_is_too_large_fails_alone(publish):
    """The others of its batch arrive; those behind it of its key are not produced."""
    large = message(3, "bad", body=bytes(2_000_000))
    batch = [message(1, "bad"), message(2, "good"), large, message(4, "bad"), message(5, "good")]
    ((outcomes,), found) = publish(
        batch, arriving=3, producer_options={"max_batch_size": 4_000_000}
    )

    assert [type(each).__name__ for each in outcomes] == [
        "NoneType",
        "NoneType",
        "MessageSizeTooLargeError",
        "BrokerUnavailable",
        "NoneType",
    ]
    assert sorted(m for records in found.values() for m in ids(records)) == ["m-1", "m-2", "m-5"]


def test_headers_that_are_damaged_fail_alone(publish):
    ((outcomes,), _) = publish([message(1, headers="{"), message(2)], arriving=1)
    assert outcomes[0] is not None
    assert outcomes[1] is None


def test_a_broker_that_is_not_there_is_an_outage(monkeypatch):
    """Nothing is produced; no message is to blame."""
    monkeypatch.setattr(_producer, "PATIENCE", 1.0)

    async def run():
        broker = KafkaBroker(channel("127.0.0.1:9", "t"), time.time)
        with pytest.raises(BrokerUnavailable, match="channel 'kafka', topic 't'"):
            await broker.start()
        await broker.stop()

    asyncio.run(run())


@pytest.mark.slow
def test_after_a_restart_of_the_broker_it_goes_on(own_kafka_server, own_topic, monkeypatch):
    """What it did not answer for is unavailable, for as long as it is down."""
    monkeypatch.setattr(_producer, "PATIENCE", 2.0)

    async def run():
        broker = KafkaBroker(channel(own_kafka_server.servers, own_topic), time.time)
        await broker.start()
        assert await broker.publish([message(1)]) == [None]
        own_kafka_server.kill()
        outcomes = [await published(broker, 2)]
        own_kafka_server.start()
        async with asyncio.timeout(60):
            while outcomes[-1] is not None:
                outcomes.append(await published(broker, 3))
        await broker.stop()
        found = await arrived(own_kafka_server.servers, own_topic, 2)
        return outcomes, {m for records in found.values() for m in ids(records)}

    async def published(broker, number):
        try:
            return (await broker.publish([message(number)]))[0]
        except BrokerUnavailable as error:
            return error

    outcomes, found = asyncio.run(run())
    assert all(isinstance(each, BrokerUnavailable) for each in outcomes[:-1])
    assert len(outcomes) > 1
    assert {"m-1", "m-3"} <= found
