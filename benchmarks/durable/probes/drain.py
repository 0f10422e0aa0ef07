"""Empty a backlog: `drain URL MESSAGES EFFECT [IN_FLIGHT BATCH GROUP] [--profile FILE]`."""

import cProfile
import sys
import time
from functools import partial

import psycopg
import trio

from benchmarks.durable._entries import Entries
from benchmarks.durable.probes._work import make_bus

LEFT = "SELECT count(*) FROM actorbus_messages"
EFFECTS = "SELECT count(*), count(DISTINCT body) FROM effects"
POLL = 0.002
DEFAULTS = (100, 0, 1)
"""Of IN_FLIGHT, BATCH and GROUP."""


async def main(url: str, messages: int, effect: str, *numbers: int) -> None:
    in_flight, batch, group = (*numbers, *DEFAULTS[len(numbers) :])
    finished = trio.Event()
    entries = Entries(messages, finished.set)
    bus = make_bus(url, effect, entries.of, in_flight=in_flight, batch=batch, group=group)
    async with bus.running():
        await finished.wait()
        settled = await trio.to_thread.run_sync(_until_settled, url)
    if effect == "insert":
        _check(url, messages)
    entries.report(settled)


def _until_settled(url: str) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(LEFT).fetchall() != [(0,)]:
            time.sleep(POLL)
    return time.perf_counter()


def _check(url: str, messages: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        [(count, distinct)] = connection.execute(EFFECTS).fetchall()
    if (count, distinct) != (messages, messages):
        raise SystemExit(f"{count} effects of {distinct} messages instead of {messages}")


if __name__ == "__main__":
    arguments, profile = sys.argv[1:], None
    if "--profile" in arguments:
        *arguments, _, profile = arguments
    url, messages, effect, *numbers = arguments
    start = partial(trio.run, main, url, int(messages), effect, *map(int, numbers))
    if profile:
        profiler = cProfile.Profile()
        profiler.runcall(start)
        profiler.dump_stats(profile)
    else:
        start()
