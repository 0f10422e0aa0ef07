"""FastStream on Kafka: `faststream_peer SERVERS TOPIC GROUP MESSAGES batches|single`.

It commits what its handler is done with (AckPolicy.ACK): after each batch, or after each message.
Its environment has nothing of this project but the modules that are imported here.
"""

import asyncio
import logging
import sys

import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from benchmarks.durable._entries import Entries
from benchmarks.kafka._committed import until_committed

BATCH = 500


async def main(servers: str, topic: str, group: str, messages: int, how: str) -> None:
    done = asyncio.Event()
    entries = Entries(messages, done.set)
    broker = KafkaBroker(servers, logger=None)
    options = {"group_id": group, "auto_offset_reset": "earliest", "ack_policy": AckPolicy.ACK}

    async def one(body: str) -> None:
        entries()

    async def several(bodies: list[str]) -> None:
        for _ in bodies:
            entries()

    if how == "batches":
        broker.subscriber(topic, batch=True, max_records=BATCH, **options)(several)
    else:
        broker.subscriber(topic, **options)(one)
    await broker.start()
    await done.wait()
    committed = await until_committed(servers, group, messages)
    await broker.stop()
    entries.report(committed)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    servers, topic, group, messages, how = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(servers, topic, group, int(messages), how))
