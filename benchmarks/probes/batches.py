"""Drain a channel one by one, then in batches: `batches FOLDER MESSAGES SIZE [--profile FILE]`.

Each row is inserted through the handler's transaction: by `execute` from a handler of one message,
by `executemany` from a handler of a batch. The channel is filled before the clock starts.
"""

import cProfile
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

from actorbus import ActorBus, Batch, Transaction
from benchmarks._process import report
from benchmarks.probes._work import CHANNEL, IN_FLIGHT, Work

INSERT = "INSERT INTO effects (number, note) VALUES ($1, $2)"


class Count:
    """Tells when the last message has committed."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.finished = trio.Event()

    def down(self, tx: Transaction, count: int) -> None:
        self.left -= count
        if not self.left:
            tx.after_commit(self._finish)

    async def _finish(self) -> None:
        self.finished.set()


def single(bus: ActorBus, count: Count, size: int) -> None:
    @bus.command_handler(channel=CHANNEL, endpoint_id="insert")
    async def insert(command: Work, tx: Transaction) -> None:
        await tx.execute(INSERT, command.number, "done")
        count.down(tx, 1)


def batches(bus: ActorBus, count: Count, size: int) -> None:
    @bus.command_handler(channel=CHANNEL, endpoint_id="insert", batch=Batch(size, wait=0.01))
    async def insert(commands: list[Work], tx: Transaction) -> None:
        await tx.executemany(INSERT, [(command.number, "done") for command in commands])
        count.down(tx, len(commands))


Declare = Callable[[ActorBus, Count, int], None]


def make_bus(path: Path, declare: Declare, count: Count, size: int) -> ActorBus:
    bus = ActorBus("batches", f"sqlite:///{path}")
    bus.add_channel(CHANNEL, max_in_flight=IN_FLIGHT)
    declare(bus, count, size)
    return bus


async def fill(bus: ActorBus, messages: int) -> None:
    async with bus.running(consume="none"):
        turn = await bus.store.acquire("fill")
        await turn.execute("CREATE TABLE effects (number INTEGER, note TEXT)")
        await turn.finish(_Nobody())
        for first in range(0, messages, 500):
            async with trio.open_nursery() as nursery:
                for number in range(first, min(first + 500, messages)):
                    nursery.start_soon(bus.commands.send, Work(number))


class _Nobody:
    def committed(self) -> None:
        pass

    def lost(self, error: Exception) -> None:
        raise error


async def drain(path: Path, declare: Declare, messages: int, size: int) -> float:
    """Return the messages per second."""
    count = Count(messages)
    await fill(make_bus(path, declare, count, size), messages)
    bus = make_bus(path, declare, count, size)
    started = time.perf_counter()
    async with bus.running():
        await count.finished.wait()
        seconds = time.perf_counter() - started
    if bus.counters.handled != messages:
        raise SystemExit(f"{bus.counters.handled} messages were handled instead of {messages}")
    return messages / seconds


async def main(folder: Path, messages: int, size: int) -> None:
    report(
        single=await drain(folder / "single.db", single, messages, size),
        batches=await drain(folder / "batches.db", batches, messages, size),
    )


if __name__ == "__main__":
    start = partial(trio.run, main, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    if "--profile" in sys.argv:
        profiler = cProfile.Profile()
        profiler.runcall(start)
        profiler.dump_stats(sys.argv[sys.argv.index("--profile") + 1])
    else:
        start()
