"""Reading one partition after the other, of a driver that fails with what it has fetched."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, UnsupportedCodecError

from actorbus.channels.kafka import _careful
from actorbus.channels.kafka._batches import Fetch
from actorbus.channels.kafka._careful import CarefulReader, is_about_records

GOOD, BAD = TopicPartition("orders", 0), TopicPartition("orders", 1)


class Consumer:
    """As the driver's: a record in one partition, an error in the other."""

    def __init__(self, error):
        self.error = error
        self.sought = []
        client = SimpleNamespace(cluster=None)
        self._client = client

    async def getmany(self, partition, **_):
        if partition == BAD and not self.sought:
            raise self.error
        return {GOOD: ["record"]} if partition == GOOD else {}

    async def position(self, partition):
        return 7

    def assignment(self):
        return {GOOD, BAD}

    def seek(self, partition, offset):
        self.sought.append((partition, offset))


@pytest.fixture
def answer(monkeypatch):
    """Say what the second fetch finds."""

    def answer(found):
        async def fetched(*_):
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(_careful, "fetched", fetched)

    return answer


def test_a_partition_waits_for_a_library_and_the_others_go_on(answer):
    consumer = Consumer(UnsupportedCodecError("no lz4"))
    answer(consumer.error)

    async def read():
        reader = CarefulReader(consumer, 100)
        found = [await reader.read([BAD, GOOD]) for _ in range(2)]
        return found, str(reader.trouble), reader.is_over

    found, trouble, is_over = asyncio.run(read())
    assert found == [{GOOD: ["record"]}] * 2
    assert trouble.startswith("topic 'orders', partition 1, offset 7: ")
    assert "pip install 'aiokafka[lz4,snappy,zstd]'" in trouble
    assert not is_over


def test_what_the_driver_gives_no_bytes_of_is_passed_over_with_a_word_of_its_error(answer):
    """Another version of it may not let them be fetched."""
    consumer = Consumer(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"))
    answer(AttributeError("_client"))
    found = asyncio.run(in_loop(lambda reader: reader.read([BAD, GOOD]), consumer))
    (unreadable,) = found[BAD]
    assert (unreadable.offset, consumer.sought) == (7, [(BAD, 8)])
    assert "no text" in unreadable.why


def test_it_goes_on_behind_what_it_has_told(answer):
    consumer = Consumer(ValueError("broken"))
    answer(Fetch(b"", None, 9))
    found = asyncio.run(in_loop(lambda reader: reader.read([BAD, GOOD]), consumer))
    assert (set(found), consumer.sought) == ({GOOD}, [(BAD, 7)])


async def in_loop(work, consumer):
    return await work(CarefulReader(consumer, 100))


def test_errors_about_the_broker_are_raised():
    assert not is_about_records(KafkaConnectionError())
    assert not is_about_records(OSError())
    with pytest.raises(KafkaConnectionError):
        asyncio.run(in_loop(lambda reader: reader.read([BAD]), Consumer(KafkaConnectionError())))
