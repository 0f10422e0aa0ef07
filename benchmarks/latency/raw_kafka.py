"""The ceiling: `raw_kafka RATE MESSAGES SERVERS TOPIC`, aiokafka's producer and consumer alone.

One process sends at a fixed rate, an open loop, and reads what it sent: no outbox, no store. As the
bus's, its producer is idempotent and waits for all replicas.
"""

import asyncio
import sys

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks._open_loop import Schedule
from benchmarks._process import report
from benchmarks._quantiles import quantiles
from benchmarks.durable.raw._records import producer

LIMIT = 60.0
FIRST = -1
"""Sent before the clock starts: the connections are open then."""


async def main(rate: float, messages: int, servers: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    async with producer(servers) as made, consumer:
        await made.send_and_wait(topic, str(FIRST).encode())
        await consumer.getone()
        schedule = Schedule(asyncio.get_running_loop().time() + 0.1, rate)
        sending = asyncio.create_task(_send(made, topic, schedule, messages))
        at = await asyncio.wait_for(_receive(consumer, messages), messages / rate + LIMIT)
        await sending
    waited = [1000 * (one - schedule.intended(number)) for number, one in at.items()]
    report(behind=max(at.values()) - schedule.intended(messages - 1), **quantiles(waited))


async def _send(made: AIOKafkaProducer, topic: str, schedule: Schedule, messages: int) -> None:
    loop = asyncio.get_running_loop()
    sent = []
    for number in range(messages):
        await asyncio.sleep(max(0.0, schedule.intended(number) - loop.time()))
        sent.append(await made.send(topic, str(number).encode()))
    await asyncio.gather(*sent)


async def _receive(consumer: AIOKafkaConsumer, messages: int) -> dict[int, float]:
    """Return when each was there."""
    loop = asyncio.get_running_loop()
    at: dict[int, float] = {}
    while len(at) < messages:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            at |= {int(record.value): loop.time() for record in records}
    return at


if __name__ == "__main__":
    rate, messages, servers, topic = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(float(rate), int(messages), servers, topic))
