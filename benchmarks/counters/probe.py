"""Counts one part: `probe embedded` or `probe runtime`, with PYTHONHASHSEED=0."""

import os
import sys
from importlib import import_module

from benchmarks._process import report
from benchmarks.counters._counting import each, stop_clocks

if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        raise SystemExit("counters are exact with PYTHONHASHSEED=0 only")
    stop_clocks()
    part = import_module(f"benchmarks.counters.{sys.argv[1]}")
    counted = {name: each(work, *part.COUNTERS) for name, work in part.WORK.items()}
    report(**counted, **part.held())
