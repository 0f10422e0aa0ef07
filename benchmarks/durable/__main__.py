"""Measure what a message costs, and write the baseline that CI compares to."""

from benchmarks import _baseline
from benchmarks._settings import Settings
from benchmarks.durable.workloads.costs import FILE, measured

_baseline.write(FILE, measured(Settings()))
