"""What is measured of the runtime alone: memory of idle actors, floods, restarts."""

import gc
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import trio
import trio.testing

from actors import Actor, ActorRef, ActorSystem, Mailbox
from supervisors import OneForOne

Figures = dict[str, float]

BOOM = object()
PORTION = 100


class Idle(Actor):
    async def on_receive(self, message: Any) -> Any:
        return message


class Sink(Actor, mailbox=Mailbox(2_000_000)):
    async def on_receive(self, message: Any) -> Any:
        return message


class Flooder(Actor):
    """Tells so many messages to another, in portions, as a handler that produces work would."""

    async def on_receive(self, message: tuple[ActorRef[Any], int]) -> None:
        ref, count = message
        for _ in range(count // PORTION):
            for number in range(PORTION):
                ref.tell(number)
            await trio.lowlevel.checkpoint()


class Fragile(Actor):
    """Notes when it fails, and tells how long ago that was."""

    failed_at = 0.0

    async def on_receive(self, message: Any) -> float:
        if message is BOOM:
            Fragile.failed_at = perf_counter()
            raise ValueError("a failure that is measured")
        return perf_counter() - Fragile.failed_at


async def idle(count: int) -> Figures:
    """Return the memory of idle actors, and how long they take to start and to stop."""
    async with ActorSystem("benchmark", shutdown_timeout=600.0) as system:
        system.spawn(Idle)
        await trio.testing.wait_all_tasks_blocked()
        before, begun = _resident(), perf_counter()
        refs = [system.spawn(Idle) for _ in range(count)]
        await refs[-1].request("ping")
        started = perf_counter() - begun
        grown = _resident() - before
        begun = perf_counter()
    stopped = perf_counter() - begun
    return {
        "bytes per actor": grown / count,
        "start, us per actor": 1e6 * started / count,
        "stop, us per actor": 1e6 * stopped / count,
    }


async def restarts(count: int) -> Figures:
    """Return the median time between a failure and the next message that is handled, in ms."""
    strategy = OneForOne(max_restarts=None, backoff=None)
    outages = []
    async with ActorSystem("benchmark", strategy=strategy) as system:
        ref = system.spawn(Fragile)
        for _ in range(count):
            ref.tell(BOOM)
            outages.append(1e3 * await ref.request("ping"))
    return {"median, ms": statistics.median(outages), "p99, ms": _p99(outages)}


async def flood(count: int) -> Figures:
    """Return the p99 of a neighbour's round trip, in ms, in peace and beside floods."""
    async with ActorSystem("benchmark") as system:
        sink, neighbour = system.spawn(Sink), system.spawn(Idle)
        peace = await _round_trips(neighbour, lambda trips: len(trips) >= 2_000)
        done = system.spawn(Flooder).request((sink, count))
        inside = await _round_trips(neighbour, lambda _: done.done and _is_idle(sink))
        await done
        finished = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_flood_from_thread, sink, count, finished)
            thread = await _round_trips(neighbour, lambda _: finished.is_set() and _is_idle(sink))
    return {
        "p99 in peace, ms": _p99(peace),
        "p99 beside a flood from inside, ms": _p99(inside),
        "p99 beside a flood from a thread, ms": _p99(thread),
    }


async def _flood_from_thread(sink: ActorRef[Any], count: int, finished: trio.Event) -> None:
    def tell_all() -> None:
        for number in range(count):
            sink.tell(number)

    await trio.to_thread.run_sync(tell_all)
    finished.set()


async def _round_trips(ref: ActorRef[Any], over: Callable[[list[float]], bool]) -> list[float]:
    trips: list[float] = []
    while not over(trips):
        begun = perf_counter()
        await ref.request("ping")
        trips.append(1e3 * (perf_counter() - begun))
        await trio.sleep(0.0005)
    return trips


def _is_idle(ref: ActorRef[Any]) -> bool:
    return ref.actor_inbox.statistics().waiting == 0


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0]


def _resident() -> int:
    """Return the resident memory in bytes."""
    gc.collect()
    with Path("/proc/self/statm").open() as statm:
        return int(statm.read().split()[1]) * 4096


MEASURED = {"idle": (idle, 50_000), "restarts": (restarts, 2_000), "flood": (flood, 1_000_000)}


def measured(name: str, scale: float) -> Figures:
    """Run one of them."""
    function, count = MEASURED[name]
    return trio.run(function, int(count * scale))
