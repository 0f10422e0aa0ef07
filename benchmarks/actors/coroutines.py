"""Our `async def` handlers on trio.

Inside: the sender is a task of the system's trio run. Outside: it is a thread.
"""

from collections.abc import Callable
from typing import Any

import trio

from actors import Actor, ActorSystem, Mailbox
from benchmarks.actors import senders
from benchmarks.actors.senders import PIPELINE, rate
from benchmarks.actors.timing import now

Figures = dict[str, float]


class Echo(Actor, mailbox=Mailbox(1_000_000)):
    async def on_receive(self, message: Any) -> Any:
        return message


def inside(scale: float) -> Figures:
    """Return the rates of telling and of round trips, one after the other."""
    return trio.run(_inside, int(200_000 * scale), int(20_000 * scale))


async def _inside(tells: int, trips: int) -> Figures:
    async with ActorSystem("benchmark") as system:
        ref = system.spawn(Echo)
        await ref.started()
        begun = now()
        for _ in range(tells // PIPELINE):  # a sender that lets others run now and then
            for _ in range(PIPELINE):
                ref.tell("ping")
            await trio.lowlevel.checkpoint()
        await ref.request("ping")
        tell = rate(tells, begun)
        begun = now()
        for _ in range(trips):
            await ref.request("ping")
        return {"tell": tell, "round trip": rate(trips, begun)}


def outside(scale: float) -> Figures:
    with ActorSystem("benchmark") as system:
        return senders.outside(system.spawn(Echo), scale)


def spawning(scale: float) -> Figures:
    """Return how many actors are started and answer, per second; all stay alive until the end."""
    return trio.run(_spawning, int(2_000 * scale))


async def _spawning(count: int) -> Figures:
    async with ActorSystem("benchmark") as system:
        begun = now()
        refs = [system.spawn(Echo) for _ in range(count)]
        await refs[-1].request("ping")
        await refs[0].request("ping")
        return {"spawning": rate(count, begun)}


MEASURED: dict[str, Callable[[float], Figures]] = {
    "inside": inside,
    "outside": outside,
    "spawning": spawning,
}
