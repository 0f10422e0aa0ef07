"""Ask from asyncio: `queries FOLDER QUERIES`; `queries FOLDER answer` is the other process.

A hundred queries of 100 ms at once: by handlers that await, and by handlers that block a thread
each. Then one query after the other: by a direct call, through a channel of the same process, and
through one that another process consumes.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from actorbus import ActorBus
from benchmarks._process import ROOT, report

AT_ONCE = 100
EACH = 0.1


@dataclass(frozen=True, slots=True)
class Wait:
    number: int


@dataclass(frozen=True, slots=True)
class Block:
    number: int


@dataclass(frozen=True, slots=True)
class Double:
    number: int


@dataclass(frozen=True, slots=True)
class DoubleThere:
    number: int


def make_bus(path: Path) -> ActorBus:
    bus = ActorBus("queries", f"sqlite:///{path}")
    bus.add_channel("questions")

    @bus.query_handler
    async def wait(query: Wait) -> int:
        await asyncio.sleep(EACH)
        return query.number

    @bus.query_handler
    def block(query: Block) -> int:
        time.sleep(EACH)
        return query.number

    @bus.query_handler
    async def double(query: Double) -> int:
        return 2 * query.number

    @bus.query_handler(channel="questions")
    async def double_there(query: DoubleThere) -> int:
        return 2 * query.number

    return bus


async def at_once(ask: Callable[[int], Awaitable[int]]) -> float:
    """Return the seconds of the best of three rounds: the first one starts the threads."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        answers = await asyncio.gather(*(ask(number) for number in range(AT_ONCE)))
        best = min(best, time.perf_counter() - started)
        if answers != list(range(AT_ONCE)):
            raise SystemExit(f"wrong answers: {answers}")
    return best


async def one_by_one(ask: Callable[[int], Awaitable[int]], queries: int) -> float:
    """Return the median time from the question to the answer, in milliseconds."""
    times = []
    for number in range(queries):
        started = time.perf_counter()
        if await ask(number) != 2 * number:
            raise SystemExit(f"a wrong answer to {number}")
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


async def main(folder: Path, queries: int) -> None:
    figures = {}
    bus = make_bus(folder / "one.db")
    async with bus.running():
        ask = bus.queries.ask
        figures["awaiting"] = await at_once(lambda number: ask(Wait(number)))
        figures["blocking"] = await at_once(lambda number: ask(Block(number)))
        figures["direct"] = await one_by_one(lambda number: ask(Double(number)), queries)
        figures["channel"] = await one_by_one(lambda number: ask(DoubleThere(number)), queries)
    bus = make_bus(folder / "two.db")
    with answering(folder):
        async with bus.running(consume="none"):
            ask = bus.queries.ask
            await ask(DoubleThere(0), timeout=60)  # until the other process has started
            there = await one_by_one(lambda number: ask(DoubleThere(number)), queries)
    report(**figures, elsewhere=there)


@contextmanager
def answering(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.probes.queries", str(folder), "answer"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def answer(folder: Path) -> None:
    async with make_bus(folder / "two.db").running():
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[2] == "answer":
        asyncio.run(answer(Path(sys.argv[1])))
    else:
        asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
