"""Two subscribers of one event, sixteen tenants: `neighbours PATH EVENTS healthy|failing RATE`.

With `failing`, notify raises every time for the first tenant. RATE events arrive each second;
with 0 all of them are there before the first is handled. Prints how fast update_statistics
handled all tenants, and how fast notify handled the others.
"""

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actorbus import ActorBus, DynamicChannel, Retry, Transaction
from actorbus import field as from_field
from benchmarks._process import report
from benchmarks.probes.drain import create_effects

TENANTS = [f"tenant-{number:02}" for number in range(16)]
BROKEN = TENANTS[0]


@dataclass(frozen=True, slots=True)
class Delayed:
    tenant: str
    number: int


@dataclass(slots=True)
class Meter:
    """Times one subscriber: from its first start to the commit of the last message counted."""

    left: int
    first: float = 0.0
    last: float = 0.0
    starts: Counter[str] = field(default_factory=Counter)
    finished: trio.Event = field(default_factory=trio.Event)

    def started(self) -> None:
        self.first = self.first or time.perf_counter()

    def handled(self, tx: Transaction) -> None:
        self.left -= 1
        if not self.left:
            tx.after_commit(self.finish)

    async def finish(self) -> None:
        self.last = time.perf_counter()
        self.finished.set()


@dataclass(slots=True)
class Scene:
    failing: bool
    statistics: Meter
    others: Meter


async def update_statistics(event: Delayed, tx: Transaction, scene: Scene) -> None:
    scene.statistics.started()
    await tx.execute("INSERT INTO effects VALUES ($1, $2)", event.number, "statistics")
    scene.statistics.handled(tx)


async def notify(event: Delayed, tx: Transaction, scene: Scene) -> None:
    if event.tenant == BROKEN:
        if scene.failing:
            raise ValueError("the gateway refuses this tenant")
        await tx.execute("INSERT INTO effects VALUES ($1, $2)", event.number, "notify")
        return
    scene.others.started()
    await tx.execute("INSERT INTO effects VALUES ($1, $2)", event.number, "notify")
    scene.others.handled(tx)


def make_bus(path: Path, scene: Scene) -> ActorBus:
    bus = ActorBus("neighbours", store=f"sqlite:///{path}")
    retry = Retry(attempts=5, initial=0.1, factor=2)
    bus.add_channel(DynamicChannel("flights", tenant=from_field("tenant"), retry=retry))
    bus.provide(Scene, lambda: scene)
    bus.event_handler(channel="flights")(update_statistics)
    bus.event_handler(channel="flights")(notify)
    return bus


async def main(path: Path, events: int, mode: str, rate: int) -> None:
    others = sum(TENANTS[number % 16] != BROKEN for number in range(events))
    scene = Scene(mode == "failing", Meter(events), Meter(others))
    create_effects(path)
    if not rate:
        async with make_bus(path, scene).running(consume="none") as bus:
            await _publish(bus, range(events))
    async with make_bus(path, scene).running() as bus:
        if rate:
            await _publish_steadily(bus, events, rate)
        await scene.statistics.finished.wait()
        await scene.others.finished.wait()
    report(statistics=_rate(scene.statistics, events), others=_rate(scene.others, others))


async def _publish(bus: ActorBus, numbers: range) -> None:
    await bus.events.publish_many(Delayed(TENANTS[number % 16], number) for number in numbers)


async def _publish_steadily(bus: ActorBus, events: int, rate: int) -> None:
    """Publish what has come due since the last time, every ten milliseconds."""
    start = trio.current_time()
    sent = 0
    while sent < events:
        due = min(events, int((trio.current_time() - start) * rate) + 1)
        await _publish(bus, range(sent, due))
        sent = due
        await trio.sleep(0.01)


def _rate(meter: Meter, messages: int) -> float:
    return messages / (meter.last - meter.first)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
