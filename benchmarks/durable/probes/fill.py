"""Make the store and leave a backlog in it: `fill URL MESSAGES`."""

import sys
import time

import psycopg
import trio

from benchmarks._process import report
from benchmarks.durable._entries import CREATE_EFFECTS, chunks
from benchmarks.durable.probes._work import Work, make_bus


async def main(url: str, messages: int) -> None:
    bus = make_bus(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(CREATE_EFFECTS)
    async with bus.running(consume="none"):
        start = time.perf_counter()
        for bodies in chunks(messages):
            await bus.commands.send_many(Work(body) for body in bodies)
        seconds = time.perf_counter() - start
    report(messages=messages, seconds=seconds, rate=messages / seconds)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]))
