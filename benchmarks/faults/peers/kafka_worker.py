"""FastStream on Kafka, which commits after each message: `kafka_worker SERVERS TOPIC GROUP`."""

import asyncio
import logging
import sys

import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from benchmarks.faults.peers._worker import job, until_told


async def main(servers: str, topic: str, group: str) -> None:
    broker = KafkaBroker(servers, logger=None)

    async def begin(body: int) -> None:
        await job(body)

    options = {"group_id": group, "auto_offset_reset": "earliest", "ack_policy": AckPolicy.ACK}
    broker.subscriber(topic, **options)(begin)
    await broker.start()
    await until_told()
    await asyncio.wait_for(broker.stop(), 10)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
