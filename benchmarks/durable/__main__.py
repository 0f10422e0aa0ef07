"""Measure what a message costs, and write the baseline that CI compares to."""

from benchmarks._settings import Settings
from benchmarks.durable import _baseline
from benchmarks.durable.workloads.costs import measured

_baseline.write(measured(Settings()))
