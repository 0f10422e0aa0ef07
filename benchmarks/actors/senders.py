"""Senders that are threads, for refs of any kind: each returns how much was done in a second.

Telling is measured until the last message was handled. It imports nothing but Python.
"""

from typing import Any

from benchmarks.actors.timing import now

PIPELINE = 1_000


def rate(loops: int, begun: float) -> float:
    return loops / (now() - begun)


def tell(ref: Any, loops: int) -> float:
    begun = now()
    for _ in range(loops):
        ref.tell("ping")
    ref.ask("ping")
    return rate(loops, begun)


def ask(ref: Any, loops: int) -> float:
    begun = now()
    for _ in range(loops):
        ref.ask("ping")
    return rate(loops, begun)


def pipelined(ref: Any, loops: int) -> float:
    begun = now()
    for _ in range(loops // PIPELINE):
        futures = [ref.ask("ping", block=False) for _ in range(PIPELINE)]
        for future in futures:
            future.get()
    return rate(loops // PIPELINE * PIPELINE, begun)


def outside(ref: Any, scale: float) -> dict[str, float]:
    """Return the rates of telling, of asks in a pipeline, and of single asks."""
    return {
        "tell": tell(ref, int(200_000 * scale)),
        "pipelined asks": pipelined(ref, max(PIPELINE, int(50_000 * scale))),
        "single ask": ask(ref, int(10_000 * scale)),
    }
