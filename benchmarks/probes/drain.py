"""Handle a backlog, then check it: `drain PATH MESSAGES [--profile FILE]`."""

import cProfile
import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import trio

from benchmarks._process import report
from benchmarks.probes._work import PROGRESS, make_bus


async def main(path: Path, messages: int) -> None:
    bus = make_bus(path)
    create_effects(path)
    PROGRESS.left = messages
    async with bus.running():
        await PROGRESS.finished.wait()
    _check(path, messages)
    seconds = PROGRESS.last - PROGRESS.first
    report(
        messages=messages,
        seconds=seconds,
        rate=messages / seconds,
        processor_us=PROGRESS.processor / messages * 1e6,
    )


def create_effects(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS effects (number INTEGER, note TEXT)")


def _check(path: Path, messages: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        count, distinct = connection.execute(
            "SELECT count(*), count(DISTINCT number) FROM effects"
        ).fetchone()
    if (count, distinct) != (messages, messages):
        raise SystemExit(f"{count} effects of {distinct} messages instead of {messages}")


if __name__ == "__main__":
    start = partial(trio.run, main, Path(sys.argv[1]), int(sys.argv[2]))
    if "--profile" in sys.argv:
        profiler = cProfile.Profile()
        profiler.runcall(start)
        profiler.dump_stats(sys.argv[sys.argv.index("--profile") + 1])
    else:
        start()
