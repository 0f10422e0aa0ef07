"""Send synchronous commands one after the other: `calls COMMANDS [--profile FILE]`.

Three buses take turns in one process: without interceptors, with a `before`, with an `around`.
The handlers are `async def`, on the caller's loop, and open no transaction.
"""

import cProfile
import gc
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from actorbus import ActorBus, Invocation
from benchmarks._process import report

TURNS = 5


@dataclass(frozen=True, slots=True)
class Add:
    number: int


class Total:
    value = 0


async def add(command: Add) -> int:
    Total.value += command.number
    return command.number


def before(invocation: Invocation) -> None:
    pass


async def around(invocation: Invocation) -> Any:
    return await invocation.proceed()


def make_bus(name: str, *declare: Callable[[ActorBus], Any]) -> ActorBus:
    bus = ActorBus(name)
    bus.command_handler(add)
    for one in declare:
        one(bus)
    return bus


BUSES = {
    "plain": (),
    "before": (lambda bus: bus.before()(before),),
    "around": (lambda bus: bus.around()(around),),
}


async def main(commands: int) -> None:
    best = dict.fromkeys(BUSES, float("inf"))
    async with AsyncExitStack() as stack:
        buses = {
            name: await stack.enter_async_context(make_bus(name, *declare).running())
            for name, declare in BUSES.items()
        }
        for _ in range(TURNS):
            for name, bus in buses.items():
                best[name] = min(best[name], await seconds_of(bus, commands))
    if Total.value != TURNS * len(BUSES) * sum(range(commands)):
        raise SystemExit(f"{Total.value} is not the sum of all commands")
    report(**{name: seconds / commands * 1e6 for name, seconds in best.items()})


async def seconds_of(bus: ActorBus, commands: int) -> float:
    """Return the processor time that so many commands took, the event loop's included."""
    send = bus.commands.send
    gc.collect()
    started = time.process_time()
    for number in range(commands):
        await send(Add(number))
    return time.process_time() - started


if __name__ == "__main__":
    start = partial(trio.run, main, int(sys.argv[1]))
    if "--profile" in sys.argv:
        profiler = cProfile.Profile()
        profiler.runcall(start)
        profiler.dump_stats(sys.argv[sys.argv.index("--profile") + 1])
    else:
        start()
