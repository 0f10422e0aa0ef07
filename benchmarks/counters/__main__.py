"""Count what each message costs, and write the baselines that CI compares to."""

from benchmarks import _baseline
from benchmarks.counters.workload import PARTS, counted, file

for part in PARTS.values():
    _baseline.write(file(part), counted(part))
