"""Store a backlog: `fill PATH MESSAGES`."""

import sys
import time
from pathlib import Path

import trio

from benchmarks._process import report
from benchmarks.probes._work import Work, make_bus


async def main(path: Path, messages: int) -> None:
    bus = make_bus(path)
    async with bus.running(consume="none"):
        start = time.perf_counter()
        await bus.commands.send_many(Work(number) for number in range(messages))
        seconds = time.perf_counter() - start
    report(messages=messages, seconds=seconds, rate=messages / seconds)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
