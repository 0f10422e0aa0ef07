"""The ceiling: `raw SERVERS TOPIC GROUP MESSAGES`, aiokafka's batches, each committed by hand."""

import asyncio
import sys

import uvloop
from aiokafka import AIOKafkaConsumer

from benchmarks.durable._entries import Entries
from benchmarks.kafka._committed import until_committed

BATCH = 500


async def main(servers: str, topic: str, group: str, messages: int) -> None:
    done = asyncio.Event()
    entries = Entries(messages, done.set)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        while not done.is_set():
            for records in (await consumer.getmany(timeout_ms=100, max_records=BATCH)).values():
                for _ in records:
                    entries()
            await consumer.commit()
        committed = await until_committed(servers, group, messages)
    entries.report(committed)


if __name__ == "__main__":
    servers, topic, group, messages = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(servers, topic, group, int(messages)))
