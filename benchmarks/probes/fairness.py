"""How long a small tenant's message waits: `fairness PATH BACKLOG SAMPLES`.

Dwell is the time from the return of the send, which is its commit, to the handler's start. Idle:
nothing else is there. Loaded: another tenant has BACKLOG messages waiting, and could use every
worker. Handlers take 5 ms, so that workers and not the processor are what is shared.
"""

import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actorbus import ActorBus, DynamicChannel
from actorbus import field as from_field
from benchmarks._process import report

WORKERS = 4
HANDLER = 0.005
PAUSES = random.Random(1)  # between samples: fixed ones would be in step with the handlers


@dataclass(frozen=True, slots=True)
class Task:
    tenant: str
    number: int


@dataclass(slots=True)
class Scene:
    """When the small tenant's messages were started; how long the handler really took."""

    started: dict[int, float] = field(default_factory=dict)
    arrived: trio.Event = field(default_factory=trio.Event)
    durations: list[float] = field(default_factory=list)


async def work(task: Task, scene: Scene) -> None:
    start = time.perf_counter()
    if task.tenant == "small":
        scene.started[task.number] = start
        scene.arrived.set()
    await trio.sleep(HANDLER)
    scene.durations.append(time.perf_counter() - start)


def make_bus(path: Path, scene: Scene) -> ActorBus:
    bus = ActorBus("fairness", store=f"sqlite:///{path}")
    bus.add_channel(
        DynamicChannel("work", tenant=from_field("tenant"), workers=WORKERS, concurrency=WORKERS)
    )
    bus.provide(Scene, lambda: scene)
    bus.command_handler(channel="work")(work)
    return bus


async def main(path: Path, backlog: int, samples: int) -> None:
    scene = Scene()
    async with make_bus(path, scene).running() as bus:
        idle = await _dwells(bus, scene, range(samples))
    async with make_bus(path, scene).running(consume="none") as bus:
        await _fill(bus, backlog)
    scene.durations.clear()
    async with make_bus(path, scene).running() as bus:
        await trio.sleep(0.5)
        loaded = await _dwells(bus, scene, range(samples, 2 * samples))
    report(
        idle=idle,
        loaded=loaded,
        handler=statistics.median(scene.durations),
        large_handled=len(scene.durations) - samples,
    )


async def _dwells(bus: ActorBus, scene: Scene, numbers: range) -> list[float]:
    dwells = []
    for number in numbers:
        scene.arrived = trio.Event()
        await bus.commands.send(Task("small", number))
        sent = time.perf_counter()
        await scene.arrived.wait()
        dwells.append(max(0.0, scene.started[number] - sent))
        await trio.sleep(PAUSES.uniform(0.01, 0.03))
    return dwells


async def _fill(bus: ActorBus, backlog: int) -> None:
    await bus.commands.send_many(Task("large", number) for number in range(backlog))


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
