"""One measurement in a process of its own: `probe GROUP KIND CORES SCALE CLOCK`."""

import logging
import os
import sys

from benchmarks._process import report
from benchmarks.actors import alone, coroutines, plain, timing


def main(group: str, kind: str, cores: int, scale: float, clock: str) -> None:
    if clock == "cpu":
        timing.use_cpu_time()
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[:cores])
    logging.getLogger("pykka").setLevel(logging.CRITICAL + 1)
    if group == "plain":
        report(**plain.measured(kind, scale))
    elif group in coroutines.MEASURED:
        report(**coroutines.MEASURED[group](kind, scale))
    else:
        report(**alone.measured(group, scale))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
