"""How long the smallest tenant waits: `dwell_probe PATH TENANTS SECONDS LOAD...`.

LOAD is what the largest tenant sends, over what all workers can handle. The others send two fifths
of that together, by their shares, and the smallest a message now and then. Dwell is the time from
the return of the send, which is its commit, to the handler's start. All tenants have a channel
before the clock starts; a load begins with what the one before has left waiting.
"""

import itertools
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import trio

from actorbus import ActorBus, DynamicChannel
from actorbus import field as from_field
from benchmarks._open_loop import Schedule, arrive
from benchmarks._process import report
from benchmarks._quantiles import quantiles
from benchmarks.tenants._skew import shares

WORKERS = 4
HANDLER = 0.02
CAPACITY = WORKERS / HANDLER
OTHERS = 0.4
"""Of the capacity, what all but the largest send together."""
SAMPLES = 15.0
"""Messages of the smallest tenant in a second."""
BATCHES = 20.0
"""How often in a second the others' messages are sent."""


@dataclass(frozen=True, slots=True)
class Task:
    tenant: str
    sample: int = -1


@dataclass(slots=True)
class Scene:
    """When the smallest tenant's samples were started."""

    started: dict[int, float] = field(default_factory=dict)
    arrived: dict[int, trio.Event] = field(default_factory=lambda: defaultdict(trio.Event))


async def work(task: Task, scene: Scene) -> None:
    if task.sample >= 0:
        scene.started[task.sample] = trio.current_time()
        scene.arrived[task.sample].set()
    await trio.sleep(HANDLER)


def make_bus(path: Path, scene: Scene) -> ActorBus:
    bus = ActorBus("dwell", store=f"sqlite:///{path}")
    bus.add_channel(
        DynamicChannel(
            "work",
            tenant=from_field("tenant"),
            workers=WORKERS,
            concurrency=WORKERS,
            idle_timeout=3600.0,
        )
    )
    bus.provide(Scene, lambda: scene)
    bus.command_handler(channel="work", runs_on="trio")(work)
    return bus


class Senders:
    """What the tenants send: the first is the largest of them, the last the smallest."""

    def __init__(self, bus: ActorBus, scene: Scene, tenants: int) -> None:
        self._bus = bus
        self._scene = scene
        self._names = [str(number) for number in range(tenants)]
        self._weights = shares(tenants)
        self._draws = random.Random(1)
        self._samples = itertools.count()

    async def once_each(self) -> None:
        """Let each have a message handled, so that it has a channel."""
        await self._bus.commands.send_many(Task(name) for name in self._names)
        await self._bus.idle()

    async def dwells(self, load: float, seconds: float) -> list[float]:
        """Send for so long, and return what the smallest one's samples waited."""
        waited: list[float] = []

        async def batch(number: int) -> None:
            await self._bus.commands.send_many([*self._batch(load, number)])

        async def sample(_: int) -> None:
            waited.append(await self._sample())

        now = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(arrive, Schedule(now, BATCHES), int(seconds * BATCHES), batch)
            nursery.start_soon(arrive, Schedule(now, SAMPLES), int(seconds * SAMPLES), sample)
        return waited

    def _batch(self, load: float, number: int) -> Iterator[Task]:
        largest, *others = self._names[:-1] or self._names
        yield from repeat(Task(largest), _between(number, load))
        if others:
            weights = self._weights[1:-1]
            for name in self._draws.choices(others, weights, k=_between(number, OTHERS)):
                yield Task(name)

    async def _sample(self) -> float:
        """Return the wait of one message; not in step with the handlers of the others."""
        await trio.sleep(self._draws.uniform(0.0, 2 * HANDLER))
        number = next(self._samples)
        await self._bus.commands.send(Task(self._names[-1], number))
        sent = trio.current_time()
        await self._scene.arrived[number].wait()
        return max(0.0, self._scene.started[number] - sent)


def _between(number: int, load: float) -> int:
    """Return how many of a load are due with this batch."""
    each = load * CAPACITY / BATCHES
    return int((number + 1) * each) - int(number * each)


async def main(path: Path, tenants: int, seconds: float, *loads: float) -> None:
    scene = Scene()
    figures = {}
    async with make_bus(path, scene).running() as bus:
        senders = Senders(bus, scene, tenants)
        await senders.once_each()
        for load in loads:
            figures[str(load)] = quantiles(await senders.dwells(load, seconds))
    report(**figures)


if __name__ == "__main__":
    path, tenants, seconds, *loads = sys.argv[1:]
    trio.run(main, Path(path), int(tenants), float(seconds), *map(float, loads))
