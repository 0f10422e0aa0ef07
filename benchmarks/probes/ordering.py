"""Drain a channel without order and in the order of keys: `ordering FOLDER MESSAGES`.

The keys are those of real departures: their lines (carrier and flight number, some thousands) and
their carriers (16, of which the largest has a sixth of the flights). The channel is filled before
the clock starts; each row is inserted through the handler's transaction.
"""

import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import trio

from actorbus import ActorBus, HandlerOptions, Transaction, field
from benchmarks._process import report
from benchmarks.probes._work import CHANNEL, IN_FLIGHT
from examples.flights.data import MONTH, read_departures

INSERT = "INSERT INTO effects (number, key) VALUES ($1, $2)"


@dataclass(frozen=True, slots=True)
class Departed:
    number: int
    carrier: str
    line: str


def flights(count: int) -> list[Departed]:
    """Return departures in their order, the month again and again."""
    rows = [(one.carrier, f"{one.carrier}{one.flight}") for one in read_departures(MONTH)]
    return [Departed(number, *row) for number, row in enumerate(islice(cycle(rows), count))]


class Drain:
    """One channel with its backlog, handled by the keys of one field, or of none."""

    def __init__(self, path: Path, key: str | None) -> None:
        self.path = path
        self.key = key
        self.left = 0
        self.finished = trio.Event()

    def bus(self) -> ActorBus:
        bus = ActorBus("ordering", f"sqlite:///{self.path}")
        bus.add_channel(CHANNEL, max_in_flight=IN_FLIGHT)
        options = HandlerOptions(channel=CHANNEL, endpoint_id="insert")
        if self.key is not None:
            options["ordering_key"] = field(self.key)

        @bus.command_handler(**options)
        async def insert(command: Departed, tx: Transaction) -> None:
            key = getattr(command, self.key or "line")
            await tx.execute(INSERT, command.number, key)
            self.left -= 1
            if not self.left:
                tx.after_commit(self._finish)

        return bus

    async def _finish(self) -> None:
        self.finished.set()

    async def rate(self, messages: list[Departed]) -> float:
        """Fill, drain, check, and return the messages per second."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE effects (place INTEGER PRIMARY KEY, number, key)")
        bus = self.bus()
        async with bus.running(consume="none"):
            await bus.commands.send_many(messages)
        self.left = len(messages)
        bus = self.bus()
        started = time.perf_counter()
        async with bus.running():
            await self.finished.wait()
            seconds = time.perf_counter() - started
        self._check(len(messages))
        return len(messages) / seconds

    def _check(self, messages: int) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute("SELECT number, key FROM effects ORDER BY place").fetchall()
        if sorted(number for number, _ in rows) != list(range(messages)):
            raise SystemExit(f"{len(rows)} effects instead of {messages}, each once")
        last: dict[str, int] = {}
        for number, key in rows:
            if self.key is not None and last.setdefault(key, -1) > number:
                raise SystemExit(f"{key}: {number} came after {last[key]}")
            last[key] = number


async def main(folder: Path, count: int) -> None:
    messages = flights(count)
    report(
        unordered=await Drain(folder / "none.db", None).rate(messages),
        lines=await Drain(folder / "lines.db", "line").rate(messages),
        carriers=await Drain(folder / "carriers.db", "carrier").rate(messages),
    )


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
