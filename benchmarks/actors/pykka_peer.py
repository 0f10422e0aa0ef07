"""Pykka's ThreadingActor at the same work: `pykka_peer GROUP CORES SCALE CLOCK`.

It runs in an environment of its own. Its sender is always a thread: it has no other. On two cores
its threads fight for the interpreter's lock. They need two free cores for that: if something else
is busy on one of them they are up to 2.5 times as fast, and our ratios that much lower, though our
own figures are the same.
"""

import logging
from collections.abc import Callable
from typing import Any

import pykka

from benchmarks.actors import plain, senders
from benchmarks.actors.program import run
from benchmarks.actors.timing import now

Figures = dict[str, float]


class Echo(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


def inside(scale: float) -> Figures:
    ref = Echo.start()
    figures = {
        "tell": senders.tell(ref, int(200_000 * scale)),
        "round trip": senders.ask(ref, int(20_000 * scale)),
    }
    ref.stop()
    return figures


def outside(scale: float) -> Figures:
    ref = Echo.start()
    figures = senders.outside(ref, scale)
    ref.stop()
    return figures


def spawning(scale: float) -> Figures:
    count = int(2_000 * scale)
    begun = now()
    refs = [Echo.start() for _ in range(count)]
    pykka.get_all([refs[-1].ask("ping", block=False), refs[0].ask("ping", block=False)])
    rate = senders.rate(count, begun)
    pykka.ActorRegistry.stop_all()
    return {"spawning": rate}


MEASURED: dict[str, Callable[[float], Figures]] = {
    "plain": lambda scale: plain.measured(pykka.ThreadingActor, scale),
    "inside": inside,
    "outside": outside,
    "spawning": spawning,
}

if __name__ == "__main__":
    logging.getLogger("pykka").setLevel(logging.CRITICAL + 1)
    run(MEASURED)
