"""The bus of the drain: one command on one store channel, one insert per message."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actorbus import ActorBus, Transaction

CHANNEL = "work"

IN_FLIGHT = 400
"""Claimed messages at once: handlers as short as this one gain by larger claims and commits."""


@dataclass(frozen=True, slots=True)
class Work:
    number: int


@dataclass(slots=True)
class Progress:
    """Counts handler starts; `finished` is set by the last of them."""

    left: int = 0
    first: float = 0.0
    last: float = 0.0
    processor: float = 0.0
    """Seconds of processor time that this process used between the two."""
    finished: trio.Event = field(default_factory=trio.Event)

    def start(self) -> None:
        self.first = time.perf_counter()
        self.processor = -time.process_time()

    def finish(self) -> None:
        self.last = time.perf_counter()
        self.processor += time.process_time()
        self.finished.set()


PROGRESS = Progress()


async def insert(message: Work, tx: Transaction) -> None:
    """What is measured: one awaited insert. The bookkeeping is two comparisons and a decrement."""
    progress = PROGRESS
    if not progress.first:
        progress.start()
    progress.left -= 1
    if not progress.left:
        progress.finish()
    await tx.execute("INSERT INTO effects (number, note) VALUES ($1, $2)", message.number, "done")


def make_bus(path: Path, in_flight: int = IN_FLIGHT) -> ActorBus:
    bus = ActorBus("drain", store=f"sqlite:///{path}")
    bus.add_channel(CHANNEL, max_in_flight=in_flight)
    bus.command_handler(channel=CHANNEL)(insert)
    return bus
