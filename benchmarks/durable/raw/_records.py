"""Records of the bus's messages, as its relay produces them, and aiokafka's producer of them."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
from aiokafka import AIOKafkaProducer

from actorbus._store import Outgoing
from actorbus.channels.kafka._records import Produced, to_record


def record(number: int, endpoint: str, message: object, key: str | None = None) -> Produced:
    """Return the record of a message for an endpoint; its type goes by the class's name."""
    identity = f"{number:032x}"
    copy = Outgoing(
        copy_id=identity,
        channel=endpoint,
        endpoint=endpoint,
        message_id=identity,
        type_name=type(message).__name__,
        content_type="application/msgpack",
        headers="{}",
        body=msgspec.msgpack.encode(message),
        correlation_id=identity,
        timestamp=time.time(),
        ordering_key=key,
    )
    return to_record(copy, time.time())


def producer(servers: str) -> AbstractAsyncContextManager[AIOKafkaProducer]:
    made: AbstractAsyncContextManager[AIOKafkaProducer] = AIOKafkaProducer(
        bootstrap_servers=servers, enable_idempotence=True, acks="all"
    )
    return made


async def send_all(made: AIOKafkaProducer, topic: str, records: Sequence[Produced]) -> None:
    """Send each, then wait for all."""
    sent = [
        await made.send(topic, value=value, key=key, headers=headers)
        for key, value, headers in records
    ]
    await asyncio.gather(*sent)


async def produce(servers: str, topic: str, records: Sequence[Produced]) -> None:
    async with producer(servers) as made:
        await send_all(made, topic, records)
