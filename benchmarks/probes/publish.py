"""Publish events to ten subscribers on one channel: `publish FOLDER EVENTS [--profile FILE]`.

Every event becomes ten stored copies, and nobody consumes them. In turns: with `publish_many`, from
handlers that publish a hundred each, and by the raw driver, which inserts rows just like those, as
many to a commit.
"""

import cProfile
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from actorbus import ActorBus, EventBus
from benchmarks._process import report

SUBSCRIBERS = 10
IN_A_HANDLER = 100
BATCH = 500


@dataclass(frozen=True, slots=True)
class Departed:
    flight: str
    carrier: str
    delay: int


@dataclass(frozen=True, slots=True)
class PublishSome:
    first: int


def make_bus(path: Path) -> ActorBus:
    bus = ActorBus("publish", f"sqlite:///{path}")
    bus.add_channel("departures")
    for number in range(SUBSCRIBERS):

        @bus.event_handler(channel="departures", endpoint_id=f"subscriber-{number}")
        async def subscriber(event: Departed) -> None:
            raise AssertionError("nobody consumes")

    @bus.command_handler
    async def publish_some(command: PublishSome, events: EventBus) -> None:
        for number in range(command.first, command.first + IN_A_HANDLER):
            await events.publish(departed(number))

    return bus


def departed(number: int) -> Departed:
    return Departed(f"UA{number}", "UA", number % 90)


async def in_batches(bus: ActorBus, events: int) -> None:
    await bus.events.publish_many((departed(n) for n in range(events)), batch=BATCH)


async def in_handlers(bus: ActorBus, events: int) -> None:
    for first in range(0, events, IN_A_HANDLER):
        await bus.commands.send(PublishSome(first))


WAYS: dict[str, Callable[[ActorBus, int], Awaitable[None]]] = {
    "publish_many": in_batches,
    "handlers": in_handlers,
}


async def main(folder: Path, events: int) -> None:
    rates: dict[str, float] = {}
    for name, publish in WAYS.items():
        path = folder / f"{name}.db"
        async with make_bus(path).running(consume="none") as bus:
            started = time.perf_counter()
            await publish(bus, events)
            rates[name] = events * SUBSCRIBERS / (time.perf_counter() - started)
    rates["raw"] = raw(folder / "publish_many.db", folder / "raw.db", events * SUBSCRIBERS)
    report(**rates)


def raw(filled: Path, empty: Path, copies: int) -> float:
    """Return the copies per second of a loop that inserts the rows which the bus has stored."""
    source = sqlite3.connect(filled, isolation_level=None)
    rows = source.execute("SELECT * FROM actorbus_messages").fetchall()
    if len(rows) != copies:
        raise SystemExit(f"{len(rows)} copies are stored instead of {copies}")
    target = sqlite3.connect(empty, isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    target.execute("PRAGMA synchronous = FULL")
    kinds = "'table', 'index'"
    tables = f"SELECT sql FROM sqlite_master WHERE type IN ({kinds}) AND sql IS NOT NULL"
    for (statement,) in source.execute(f"{tables} AND tbl_name = 'actorbus_messages'"):
        target.execute(statement)
    places = ", ".join("?" * len(rows[0]))
    started = time.perf_counter()
    for first in range(0, copies, BATCH * SUBSCRIBERS):
        target.execute("BEGIN IMMEDIATE")
        batch = rows[first : first + BATCH * SUBSCRIBERS]
        target.executemany(f"INSERT INTO actorbus_messages VALUES ({places})", batch)
        target.execute("COMMIT")
    return copies / (time.perf_counter() - started)


if __name__ == "__main__":
    start = partial(trio.run, main, Path(sys.argv[1]), int(sys.argv[2]))
    if "--profile" in sys.argv:
        profiler = cProfile.Profile()
        profiler.runcall(start)
        profiler.dump_stats(sys.argv[sys.argv.index("--profile") + 1])
    else:
        start()
