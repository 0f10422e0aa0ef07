"""A process that inserts a row for each message, with its own name; ends when its input does."""

import sys
from dataclasses import dataclass

import trio

from actorbus import ActorBus, Transaction


@dataclass(frozen=True)
class Work:
    number: int


def make_bus(url: str, name: str) -> ActorBus:
    bus = ActorBus("pool", store=url)
    bus.add_channel("work")

    @bus.event_handler(channel="work", endpoint_id="work", concurrency=5)
    async def work(event: Work, tx: Transaction) -> None:
        await tx.execute("INSERT INTO done VALUES ($1, $2)", event.number, name)

    return bus


async def main(url: str, name: str) -> None:
    async with make_bus(url, name).running():
        print("ready", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)


def start(url: str, name: str) -> None:
    trio.run(main, url, name)
