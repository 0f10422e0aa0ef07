"""xoscar at the same work, in one process: `xoscar_peer GROUP CORES SCALE CLOCK`.

It runs in an environment of its own. Its actors live on one asyncio loop, as the sender does: a
pool without processes of its own. A message to an actor of the same pool is a call of its method,
with its lock held; it has no mailbox. It has no proxies of attributes either, and no senders that
are threads without a loop, so that the groups of those are Pykka's alone.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop
import xoscar

from benchmarks.actors.program import run
from benchmarks.actors.senders import PIPELINE, rate
from benchmarks.actors.timing import now

Figures = dict[str, float]
ADDRESS = "127.0.0.1:0"


class Echo(xoscar.Actor):  # type: ignore[misc]  # it is not installed where types are checked
    def __init__(self) -> None:
        super().__init__()
        self.handled = 0

    async def on_message(self, message: Any) -> Any:
        self.handled += 1
        return message

    async def count(self) -> int:
        return self.handled


def inside(scale: float) -> Figures:
    return _in_loop(_inside, int(50_000 * scale), int(20_000 * scale))


async def _inside(address: str, tells: int, trips: int) -> Figures:
    ref = await xoscar.create_actor(Echo, address=address, uid="echo")
    begun = now()
    for number in range(tells):
        await ref.on_message.tell("ping")
        if number % PIPELINE == 0:
            await asyncio.sleep(0)
    while await ref.count() < tells:  # noqa: ASYNC110 - the actor is asked
        await asyncio.sleep(0)
    tell = rate(tells, begun)
    begun = now()
    for _ in range(trips):
        await ref.on_message("ping")
    return {"tell": tell, "round trip": rate(trips, begun)}


def spawning(scale: float) -> Figures:
    return _in_loop(_spawning, int(2_000 * scale))


async def _spawning(address: str, count: int) -> Figures:
    begun = now()
    refs = [
        await xoscar.create_actor(Echo, address=address, uid=str(number)) for number in range(count)
    ]
    await refs[-1].on_message("ping")
    await refs[0].on_message("ping")
    return {"spawning": rate(count, begun)}


def _in_loop(work: Callable[..., Any], *numbers: int) -> Figures:
    async def with_pool() -> Figures:
        pool = await xoscar.create_actor_pool(ADDRESS, n_process=0)
        async with pool:
            figures: Figures = await work(pool.external_address, *numbers)
            return figures

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(with_pool())


MEASURED: dict[str, Callable[[float], Figures]] = {"inside": inside, "spawning": spawning}

if __name__ == "__main__":
    run(MEASURED)
