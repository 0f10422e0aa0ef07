"""The ceiling of the outbox: `relay SERVERS TOPIC MESSAGES`.

aiokafka's `send` for each record, then `gather`: the keys, headers and values that the bus's relay
produces, made before the clock starts, on an idempotent producer that waits for all replicas.
"""

import asyncio
import sys
import time

import uvloop

from benchmarks._process import report
from benchmarks.durable._entries import body
from benchmarks.durable.probes._work import ENDPOINT, Work
from benchmarks.durable.probes.relay import KEYS
from benchmarks.durable.raw._records import producer, record, send_all


async def main(servers: str, topic: str, messages: int) -> None:
    records = [
        record(number, ENDPOINT, Work(body(number)), str(number % KEYS))
        for number in range(messages)
    ]
    async with producer(servers) as made:
        await made.send_and_wait(topic, b"first")  # it knows the topic's partitions now
        start = time.perf_counter()
        await send_all(made, topic, records)
        seconds = time.perf_counter() - start
    report(rate=messages / seconds, seconds=seconds)


if __name__ == "__main__":
    servers, topic, messages = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(servers, topic, int(messages)))
