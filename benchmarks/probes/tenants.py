"""How fast one busy tenant is among many: `tenants PATH MESSAGES TENANTS`.

All tenants have a channel of their own, made by a message that was handled. Then the busy one has
MESSAGES waiting, and the others nothing. The rate is that of its handlers, each of which makes an
insert, from the first start to the last commit.
"""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actorbus import ActorBus, DynamicChannel, Transaction
from actorbus import field as from_field
from benchmarks._process import report

CHANNEL = "work"


@dataclass(frozen=True, slots=True)
class Task:
    tenant: str
    number: int


@dataclass(slots=True)
class Progress:
    """`left` of the busy tenant's messages; `finished` is set when the last has committed."""

    left: int
    first: float = 0.0
    last: float = 0.0
    processor: float = 0.0
    """Seconds of processor time that this process used between the two."""
    finished: trio.Event = field(default_factory=trio.Event)

    async def finish(self) -> None:
        self.last = time.perf_counter()
        self.processor += time.process_time()
        self.finished.set()


async def work(task: Task, progress: Progress, tx: Transaction) -> None:
    if task.tenant == "busy":
        if not progress.first:
            progress.first = time.perf_counter()
            progress.processor = -time.process_time()
        progress.left -= 1
        if not progress.left:
            tx.after_commit(progress.finish)
    await tx.execute("INSERT INTO effects (number) VALUES ($1)", task.number)


def make_bus(path: Path, progress: Progress) -> ActorBus:
    bus = ActorBus("tenants", store=f"sqlite:///{path}")
    bus.add_channel(DynamicChannel(CHANNEL, tenant=from_field("tenant"), idle_timeout=3600.0))
    bus.provide(Progress, value=progress)
    bus.command_handler(channel=CHANNEL)(work)
    return bus


async def main(path: Path, messages: int, tenants: int) -> None:
    progress = Progress(messages)
    async with make_bus(path, progress).running() as bus:
        turn = await bus.store.acquire("benchmark", alone=True)
        await turn.execute("CREATE TABLE effects (number INTEGER)")
        await turn.finish(_Nobody())
        await bus.commands.send_many(Task(f"idle {number}", 0) for number in range(tenants - 1))
        await bus.idle()
        live = len((await bus.health()).channels[0].endpoints)
        await bus.pause(CHANNEL)
        await bus.commands.send_many(Task("busy", number) for number in range(messages))
        await bus.resume(CHANNEL)
        await progress.finished.wait()
    report(
        rate=messages / (progress.last - progress.first),
        processor=progress.processor / messages * 1e6,
        live=live,
    )


class _Nobody:
    """Waits for no commit."""

    def committed(self) -> None:
        """Do nothing."""

    def lost(self, error: Exception) -> None:
        """Fail."""
        raise error


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
