"""What tests of channels on Kafka share: buses on a topic, records that are there."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import trio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from actorbus import ActorBus, KafkaChannel
from actorbus.channels.kafka._records import Produced, to_record
from actorbus.testing._store_samples import outgoing
from tests.services._kafka import in_asyncio

CHANNEL = "orders"


@dataclass(frozen=True)
class OrderPlaced:
    number: int


def record(number: int, endpoint: str, **changes: Any) -> Produced:
    """Return the record of a message for an endpoint."""
    values = {
        "endpoint": endpoint,
        "message_id": f"m{number}",
        "copy_id": f"c{number}-{endpoint}",
        "type_name": "OrderPlaced",
        "body": msgspec.msgpack.encode({"number": number}),
        **changes,
    }
    return to_record(outgoing(f"{number}", **values), 1.0)


@dataclass
class Broker:
    """A topic, and what is done to it beside the bus."""

    servers: str
    topic: str

    def produce(self, *records: Produced, partition: int | None = None) -> None:
        """Write records, in their order, and wait until they are there."""

        async def produce() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.servers, acks="all")
            await producer.start()
            try:
                for one in records:
                    await producer.send(
                        self.topic,
                        one.value,
                        key=one.key,
                        headers=one.headers,
                        partition=partition,
                    )
                await producer.flush()
            finally:
                await producer.stop()

        in_asyncio(produce)

    def committed(self, group: str) -> dict[int, int]:
        """Return the offsets that a group has committed, by partition."""

        async def committed() -> dict[int, int]:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
            await admin.start()
            try:
                offsets = await admin.list_consumer_group_offsets(group)
            finally:
                await admin.close()
            return {
                place.partition: found.offset
                for place, found in offsets.items()
                if place.topic == self.topic and found.offset >= 0
            }

        return in_asyncio(committed)

    def channel(self, **options: Any) -> KafkaChannel:
        """Return the channel on this topic."""
        usual: dict[str, Any] = {
            "servers": self.servers,
            "topic": self.topic,
            "session_timeout": 2.0,
        }
        options = usual | {"handover_timeout": 1.0, "commit_every": 0.2} | options
        return KafkaChannel(options.pop("name", CHANNEL), **options)


@pytest.fixture
def broker(kafka_server, topic):
    """A topic of its own for the test."""
    return Broker(kafka_server.servers, topic)


@dataclass
class Seen:
    """What handlers were given."""

    numbers: list[int] = field(default_factory=list)
    news: trio.Event = field(default_factory=trio.Event)

    def add(self, number: int) -> None:
        self.numbers.append(number)
        self.news.set()
        self.news = trio.Event()

    async def until(self, count: int) -> list[int]:
        """Wait until so many were handled."""
        await self.when(lambda: len(self.numbers) >= count)
        return self.numbers

    async def when(self, done: Any) -> None:
        """Wait until something holds that only changes when a handler is called."""
        with trio.fail_after(30):
            while not done():
                await self.news.wait()


@pytest.fixture
def seen():
    return Seen()


async def eventually(condition: Any, seconds: float = 20) -> None:
    """Wait until something outside holds."""
    with trio.fail_after(seconds):
        while True:
            found = await trio.to_thread.run_sync(condition)
            if found:
                return
            await trio.sleep(0.05)


@pytest.fixture
def store_url(tmp_path):
    """A store that several processes may share."""
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def make_bus(broker, store_url):
    """Return buses with a channel on the topic, on one store."""

    def make(**options: Any) -> ActorBus:
        bus = ActorBus("shop", store=store_url, lease=2.0)
        bus.message("OrderPlaced")(OrderPlaced)
        bus.add_channel(broker.channel(**options))
        return bus

    return make


@asynccontextmanager
async def running(bus: ActorBus):
    """Run a bus, and hold its partitions before the test goes on."""
    async with bus.running():
        yield bus
