"""Handle a backlog, then check it: `drain PATH MESSAGES [IN_FLIGHT] [--profile FILE]`."""

import cProfile
import sqlite3
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import trio

from benchmarks._process import report
from benchmarks.probes._work import IN_FLIGHT, PROGRESS, make_bus

LEFT = "SELECT count(*) FROM actorbus_messages"
POLL = 0.001


async def main(path: Path, messages: int, in_flight: int = IN_FLIGHT) -> None:
    bus = make_bus(path, in_flight)
    create_effects(path)
    PROGRESS.left = messages
    async with bus.running():
        await PROGRESS.finished.wait()
        settled = await trio.to_thread.run_sync(_until_settled, path)
    _check(path, messages)
    seconds = PROGRESS.last - PROGRESS.first
    report(
        messages=messages,
        seconds=seconds,
        rate=messages / seconds,
        settled_after_ms=(settled - PROGRESS.last) * 1000,
        processor_us=PROGRESS.processor / messages * 1e6,
    )


def create_effects(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS effects (number INTEGER, note TEXT)")


def _until_settled(path: Path) -> float:
    with closing(sqlite3.connect(path)) as connection:
        while connection.execute(LEFT).fetchone() != (0,):
            time.sleep(POLL)
    return time.perf_counter()


def _check(path: Path, messages: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        count, distinct = connection.execute(
            "SELECT count(*), count(DISTINCT number) FROM effects"
        ).fetchone()
    if (count, distinct) != (messages, messages):
        raise SystemExit(f"{count} effects of {distinct} messages instead of {messages}")


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[2:4] if one.isdecimal()]
    start = partial(trio.run, partial(main, Path(sys.argv[1]), *numbers))
    if "--profile" in sys.argv:
        profiler = cProfile.Profile()
        profiler.runcall(start)
        profiler.dump_stats(sys.argv[sys.argv.index("--profile") + 1])
    else:
        start()
