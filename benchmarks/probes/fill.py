"""Store a backlog: `fill PATH MESSAGES`. Senders run side by side, so that commits are shared."""

import sys
import time
from pathlib import Path

import trio

from benchmarks._process import report
from benchmarks.probes._work import Work, make_bus

SENDERS = 50


async def main(path: Path, messages: int) -> None:
    bus = make_bus(path)
    numbers = iter(range(messages))

    async def sender() -> None:
        for number in numbers:
            await bus.commands.send(Work(number))

    async with bus.running(consume="none"):
        start = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(SENDERS):
                nursery.start_soon(sender)
        seconds = time.perf_counter() - start
    report(messages=messages, seconds=seconds, rate=messages / seconds)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
