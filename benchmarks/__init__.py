"""Benchmarks: `python -m benchmarks` runs all workloads and prints ratios measured in one run.

workloads/  what is measured, with its goals; one module each
probes/     programs that drive the bus, each started in a process of its own
peers/      the same work done by something else, each in a process of its own
actors/     the actor runtime's own suite
"""
