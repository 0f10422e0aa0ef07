"""A worker that says which message it begins, until it is killed or told to stop.

`worker URL [SERVERS TOPIC]`: from the store, or from Kafka beside it. Its handler takes no
transaction and 20 ms.
"""

import logging
import os
import sys
from dataclasses import dataclass

import trio

from actorbus import ActorBus, KafkaChannel
from benchmarks.durable._workers import READY

CHANNEL = "jobs"
ENDPOINT = "job"
SECONDS = 0.02
LEASE = 3.0
SESSION_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Job:
    number: int


def make_bus(url: str, servers: str = "", topic: str = "") -> ActorBus:
    bus = ActorBus("recovery", store=url, lease=LEASE)
    bus.message("Job")(Job)
    if servers:
        bus.add_channel(
            KafkaChannel(CHANNEL, servers=servers, topic=topic, session_timeout=SESSION_TIMEOUT)
        )
    else:
        bus.add_channel(CHANNEL)

    async def job(message: Job) -> None:
        os.write(1, f"{message.number}\n".encode())  # at once, and whole: it may be the last word
        await trio.sleep(SECONDS)

    bus.command_handler(channel=CHANNEL, endpoint_id=ENDPOINT, runs_on="trio")(job)
    return bus


async def work(*where: str) -> None:
    async with make_bus(*where).running():
        print(READY, flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)


async def fill(url: str, messages: int) -> None:
    bus = make_bus(url)
    async with bus.running(consume="none"):
        await bus.commands.send_many(Job(number) for number in range(messages))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # a server, or a process beside it, is meant to be killed
    trio.run(work, *sys.argv[1:])
