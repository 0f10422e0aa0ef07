"""The ceiling of the outbox: `relay SERVERS TOPIC MESSAGES`.

aiokafka's `send` for each record, then `gather`: the keys, headers and values that the bus's relay
produces, made before the clock starts, on an idempotent producer that waits for all replicas.
"""

import asyncio
import sys
import time

import msgspec
import uvloop
from aiokafka import AIOKafkaProducer

from actorbus._store import Outgoing
from actorbus.channels.kafka._records import Produced, to_record
from benchmarks._process import report
from benchmarks.durable._entries import body
from benchmarks.durable.probes._work import CHANNEL, ENDPOINT, Work


async def main(servers: str, topic: str, messages: int) -> None:
    records = [record(number) for number in range(messages)]
    async with AIOKafkaProducer(
        bootstrap_servers=servers, enable_idempotence=True, acks="all"
    ) as producer:
        await producer.send_and_wait(topic, b"first")  # the topic's partitions are known now
        start = time.perf_counter()
        sent = [
            await producer.send(topic, value=value, key=key, headers=headers)
            for key, value, headers in records
        ]
        await asyncio.gather(*sent)
        seconds = time.perf_counter() - start
    report(rate=messages / seconds, seconds=seconds)


def record(number: int) -> Produced:
    identity = f"{number:032x}"
    message = Outgoing(
        copy_id=identity,
        channel=CHANNEL,
        endpoint=ENDPOINT,
        tenant="",
        message_id=identity,
        type_name="Work",
        content_type="application/msgpack",
        headers="{}",
        body=msgspec.msgpack.encode(Work(body(number))),
        correlation_id=identity,
        causation_id=None,
        timestamp=time.time(),
    )
    return to_record(message, time.time())


if __name__ == "__main__":
    servers, topic, messages = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(servers, topic, int(messages)))
