"""Consume a topic that was filled before: `probe STORE SERVERS TOPIC GROUP MESSAGES`."""

import asyncio
import sys

import trio

from actorbus import ActorBus, KafkaChannel
from benchmarks.durable._entries import Entries
from benchmarks.durable.probes._work import ENDPOINT, Work
from benchmarks.kafka._committed import until_committed


def make_bus(store: str, servers: str, topic: str, group: str, entries: Entries) -> ActorBus:
    bus = ActorBus("consume", store=store)
    bus.message("Work")(Work)
    bus.add_channel(KafkaChannel("work", servers=servers, topic=topic, group=group))

    async def work(message: Work) -> None:
        entries()

    bus.command_handler(channel="work", endpoint_id=ENDPOINT, runs_on="trio")(work)
    return bus


async def main(store: str, servers: str, topic: str, group: str, messages: int) -> None:
    finished = trio.Event()
    entries = Entries(messages, finished.set)
    async with make_bus(store, servers, topic, group, entries).running():
        await finished.wait()
        committed = await trio.to_thread.run_sync(
            lambda: asyncio.run(until_committed(servers, group, messages))
        )
    entries.report(committed)


if __name__ == "__main__":
    store, servers, topic, group, messages = sys.argv[1:]
    trio.run(main, store, servers, topic, group, int(messages))
