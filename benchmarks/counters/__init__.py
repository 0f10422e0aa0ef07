"""What a message costs, counted and not timed: the same on every machine, in every run.

_counting    the counters, and the ground that makes them exact
embedded     the bus on a store in memory: publish, drain, transactions
runtime      actors: tells, asks, spawning, idle actors, messages that wait
probe        all of it, in a process of its own
workload     beside the committed baseline; `python -m benchmarks.counters` writes that anew
"""
