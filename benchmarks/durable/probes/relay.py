"""Relay what lies in an outbox: `relay URL SERVERS TOPIC MESSAGES fill|relay`.

`fill` stores the messages; `relay` takes them to Kafka, from the first claim to the last mark. One
message goes before the clock starts, so that the producer is connected.
"""

import sys
import time

import trio

from actorbus import ActorBus, KafkaChannel, Letter
from benchmarks._process import MeasurementFailed, report
from benchmarks.durable._entries import body
from benchmarks.durable.probes._work import ENDPOINT, Work

KEYS = 1_000
"""Ordering keys: each has ten of 10,000 messages."""


def make_bus(url: str, servers: str, topic: str) -> ActorBus:
    bus = ActorBus("relay", store=url)
    bus.add_channel(KafkaChannel("kafka", servers=servers, topic=topic))

    @bus.command_handler(channel="kafka", endpoint_id=ENDPOINT)
    async def work(message: Work) -> None: ...

    return bus


async def fill(bus: ActorBus, messages: int) -> None:
    """Store the messages, each with the key of the one that is sent beside it."""
    async with bus.running(consume="none"):
        await bus.commands.send_many(
            Letter(Work(body(number)), ordering_key=str(number % KEYS))
            for number in range(messages)
        )
        report(rate=0.0, seconds=0.0)


async def relay(bus: ActorBus, messages: int) -> None:
    async with bus.running(consume="none"):
        run = bus._running()
        await run.brokers.publish("kafka", [])
        start = time.perf_counter()
        await bus.consume_for(60.0, ["outbox"])
        seconds = time.perf_counter() - start
        if await bus.store.statistics():
            raise MeasurementFailed("the outbox is not empty after a minute")
        report(rate=messages / seconds, seconds=seconds)


if __name__ == "__main__":
    url, servers, topic, messages, what = sys.argv[1:]
    program = {"fill": fill, "relay": relay}[what]
    trio.run(program, make_bus(url, servers, topic), int(messages))
