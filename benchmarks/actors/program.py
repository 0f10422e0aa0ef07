"""The command line that our actors and the peers share: `MODULE GROUP CORES SCALE CLOCK`.

It imports nothing but Python: the peers run in environments of their own.
"""

import os
import sys
from collections.abc import Callable, Mapping

from benchmarks._process import report
from benchmarks.actors import timing


def run(measured: Mapping[str, Callable[[float], Mapping[str, float]]]) -> None:
    """Measure one group, pinned to so many cores, and print its figures."""
    group, cores, scale, clock = sys.argv[1:]
    if clock == "cpu":
        timing.use_cpu_time()
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[: int(cores)])
    report(**measured[group](float(scale)))
