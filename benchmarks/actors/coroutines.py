"""`async def` handlers on trio, beside a ThreadingActor that does the same work.

Inside: the sender is a task of the system's trio run. Outside: it is a thread. Pykka's sender is
always a thread: it has no other. Telling is measured until the last message was handled.

On two cores Pykka's threads fight for the interpreter's lock. They need two free cores for that: if
something else is busy on one of them they are up to 2.5 times as fast, and our ratios that much
lower, though our own figures are the same.
"""

from collections.abc import Callable
from typing import Any

import pykka
import trio

from actors import Actor, ActorRef, ActorSystem, Mailbox
from benchmarks.actors.timing import now

PIPELINE = 1_000

Figures = dict[str, float]


class Echo(Actor, mailbox=Mailbox(1_000_000)):
    async def on_receive(self, message: Any) -> Any:
        return message


class PykkaEcho(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


def _rate(loops: int, begun: float) -> float:
    return loops / (now() - begun)


# -- inside the system -----------------------------------------------------------------------------


def inside(kind: str, scale: float) -> Figures:
    """Return the rates of telling and of round trips, one after the other."""
    tells, trips = int(200_000 * scale), int(20_000 * scale)
    if kind == "pykka":
        ref = PykkaEcho.start()
        figures = {"tell": _tell(ref, tells), "round trip": _ask(ref, trips)}
        ref.stop()
        return figures
    return trio.run(_inside, tells, trips)


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
        tell = _rate(tells, begun)
        begun = now()
        for _ in range(trips):
            await ref.request("ping")
        return {"tell": tell, "round trip": _rate(trips, begun)}


# -- from a thread ---------------------------------------------------------------------------------


def outside(kind: str, scale: float) -> Figures:
    """Return the rates of telling, of asks in a pipeline, and of single asks."""
    if kind == "pykka":
        ref = PykkaEcho.start()
        figures = _outside(ref, scale)
        ref.stop()
        return figures
    with ActorSystem("benchmark") as system:
        return _outside(system.spawn(Echo), scale)


def _outside(ref: ActorRef[Any] | pykka.ActorRef[Any], scale: float) -> Figures:
    return {
        "tell": _tell(ref, int(200_000 * scale)),
        "pipelined asks": _pipelined(ref, int(50_000 * scale)),
        "single ask": _ask(ref, int(10_000 * scale)),
    }


def _tell(ref: Any, loops: int) -> float:
    begun = now()
    for _ in range(loops):
        ref.tell("ping")
    ref.ask("ping")
    return _rate(loops, begun)


def _ask(ref: Any, loops: int) -> float:
    begun = now()
    for _ in range(loops):
        ref.ask("ping")
    return _rate(loops, begun)


def _pipelined(ref: Any, loops: int) -> float:
    begun = now()
    for _ in range(loops // PIPELINE):
        futures = [ref.ask("ping", block=False) for _ in range(PIPELINE)]
        for future in futures:
            future.get()
    return _rate(loops // PIPELINE * PIPELINE, begun)


# -- spawning --------------------------------------------------------------------------------------


def spawning(kind: str, scale: float) -> Figures:
    """Return how many actors are started and answer, per second; all stay alive until the end."""
    count = int(2_000 * scale)
    if kind == "pykka":
        begun = now()
        refs = [PykkaEcho.start() for _ in range(count)]
        pykka.get_all([refs[-1].ask("ping", block=False), refs[0].ask("ping", block=False)])
        rate = _rate(count, begun)
        pykka.ActorRegistry.stop_all()
        return {"spawning": rate}
    return trio.run(_spawning, count)


async def _spawning(count: int) -> Figures:
    async with ActorSystem("benchmark") as system:
        begun = now()
        refs = [system.spawn(Echo) for _ in range(count)]
        await refs[-1].request("ping")
        await refs[0].request("ping")
        return {"spawning": _rate(count, begun)}


MEASURED: dict[str, Callable[[str, float], Figures]] = {
    "inside": inside,
    "outside": outside,
    "spawning": spawning,
}
