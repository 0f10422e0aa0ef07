"""Replay dead letters that fail again: `replay PATH LETTERS`, and note the memory it takes.

Each body has ten kilobytes, so that holding them all would show.
"""

import logging
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import trio

from actorbus import ActorBus, DeadLetterFilter, PermanentError
from benchmarks._process import report
from benchmarks.probes.memory import resident

CHANNEL = "work"
BODY = "x" * 10_000


@dataclass(frozen=True, slots=True)
class Work:
    number: int
    text: str


class Failures:
    count = 0


def make_bus(path: Path) -> ActorBus:
    bus = ActorBus("replay", f"sqlite:///{path}")
    bus.add_channel(CHANNEL)

    @bus.command_handler(channel=CHANNEL, endpoint_id="fail")
    async def fail(command: Work) -> None:
        Failures.count += 1
        raise PermanentError("still")

    return bus


class Peak(threading.Thread):
    """Looks at the process's memory a hundred times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.bytes = 0

    def run(self) -> None:
        while not self.over.wait(0.01):
            self.bytes = max(self.bytes, resident())


async def dead(bus: ActorBus) -> int:
    letters = await bus.dead_letters.count(DeadLetterFilter())
    return int(letters)


async def main(path: Path, letters: int) -> None:
    async with make_bus(path).running() as bus:
        await bus.commands.send_many((Work(n, BODY) for n in range(letters)), batch=100)
        await bus.idle()
        if await dead(bus) != letters:
            raise SystemExit(f"{await dead(bus)} dead letters instead of {letters}")
        before, peak = resident(), Peak()
        peak.start()
        started = time.perf_counter()
        replayed = await bus.dead_letters.replay(DeadLetterFilter())
        seconds = time.perf_counter() - started
        await bus.idle()
        peak.over.set()
        peak.join()
        if (replayed, Failures.count, await dead(bus)) != (letters, 2 * letters, letters):
            raise SystemExit(f"{replayed} replayed, {Failures.count} failures of {letters}")
    report(before=before, peak=peak.bytes, rate=replayed / seconds)


if __name__ == "__main__":
    logging.disable()  # a warning per dead letter is not what is measured
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
