"""Our actors, in a process of their own: `probe GROUP CORES SCALE CLOCK`."""

from collections.abc import Callable, Mapping
from functools import partial

from actors import Actor
from benchmarks.actors import alone, coroutines, plain
from benchmarks.actors.program import run

MEASURED: Mapping[str, Callable[[float], dict[str, float]]] = {
    "plain": partial(plain.measured, Actor),
    **coroutines.MEASURED,
    **{name: partial(alone.measured, name) for name in alone.MEASURED},
}

if __name__ == "__main__":
    run(MEASURED)
