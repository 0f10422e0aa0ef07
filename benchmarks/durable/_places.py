"""Where the backlog of a process lies that is going to be killed, and which of it is that one's."""

import asyncio
import itertools
import os
from collections.abc import Iterable
from typing import Protocol

import msgspec
import trio
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.durable.probes.worker import ENDPOINT, Job, fill
from benchmarks.durable.raw._records import produce, record
from tests.services import Kafka, Postgres

CLAIMED = """
    SELECT body FROM actorbus_messages JOIN actorbus_processes ON owner = process_id
    WHERE state = 'claimed' AND pid = {pid}
"""
PARTITIONS = 4

_numbers = itertools.count(1)


class Place(Protocol):
    arguments: tuple[str, ...]
    """What the probe is told."""

    def fill(self, messages: int) -> None:
        """Leave a backlog there."""
        ...

    def held_by(self, pid: int, begun: Iterable[int]) -> set[int]:
        """Return the messages that a process had when it died; it had begun some of them."""
        ...


class InStore:
    """In PostgreSQL: a process has what it has claimed."""

    def __init__(self, server: Postgres, url: str) -> None:
        self.arguments: tuple[str, ...] = (url,)
        self._server = server
        self._url = url

    def fill(self, messages: int) -> None:
        trio.run(fill, self._url, messages)

    def held_by(self, pid: int, begun: Iterable[int]) -> set[int]:
        rows = self._server.fetch(CLAIMED.format(pid=pid), url=self._url)
        return {_number(bytes(body)) for (body,) in rows}


class OnKafka:
    """On a topic: a process has the partitions that it has begun messages of."""

    def __init__(self, server: Postgres, url: str, kafka: Kafka) -> None:
        self._topic = f"bench-{os.getpid()}-{next(_numbers)}"
        self._kafka = kafka
        kafka.create_topic(self._topic)
        self.arguments: tuple[str, ...] = (url, kafka.servers, self._topic)

    def fill(self, messages: int) -> None:
        records = [record(number, ENDPOINT, Job(number)) for number in range(messages)]
        asyncio.run(produce(self._kafka.servers, self._topic, records))

    def held_by(self, pid: int, begun: Iterable[int]) -> set[int]:
        places = asyncio.run(self._places())
        theirs = {places[number] for number in begun}
        return {number for number, partition in places.items() if partition in theirs}

    async def _places(self) -> dict[int, int]:
        """Return the partition of each message."""
        found: dict[int, int] = {}
        async with AIOKafkaConsumer(bootstrap_servers=self._kafka.servers) as consumer:
            partitions = [TopicPartition(self._topic, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            while len(found) < sum(ends.values()):
                batch = await consumer.getmany(timeout_ms=1000)
                for partition, records in batch.items():
                    found |= {_number(one.value): partition.partition for one in records}
        return found


def _number(body: bytes) -> int:
    return int(msgspec.msgpack.decode(body)["number"])
