"""Counters that are exact, and a ground on which they are the same in each run.

Time is virtual, and nothing runs in another thread: a store in memory works inline. What is left of
chance is taken away: clocks stand still, so that no slice of time ends earlier than another; the
order in which trio runs its tasks is drawn from a seeded stream; the probe's hashes are those of
PYTHONHASHSEED=0. Statements and commits are the same in each run then. What is left is that sets
of objects are ordered by where they lie in memory: wake-ups and calls move in their third digit.

CPython does not count allocations: counted are calls, and the memory blocks that are there before
and after.
"""

import gc
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio
import trio.testing
from trio._core import _run

Work = Callable[[int], Awaitable[None]]
"""Does something so many times, within a trio run."""

FEW, MANY = 200, 700


class Wakeups(trio.abc.Instrument):
    """Counts how often a task became runnable."""

    def __init__(self) -> None:
        self.count = 0

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.count += 1


class Statements:
    """Counts the statements of all connections that are opened while it is entered."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    @contextmanager
    def counting(self) -> Iterator[None]:
        connect, saw = sqlite3.connect, self._saw

        class Traced(sqlite3.Connection):
            """A connection whose trace goes to the counter, whoever else asks for it."""

            def set_trace_callback(self, callback: object) -> None:
                super().set_trace_callback(saw)

        def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, factory=Traced, **options)
            connection.set_trace_callback(None)
            return connection

        sqlite3.connect = traced  # type: ignore[assignment]  # takes all that the other takes
        try:
            yield
        finally:
            sqlite3.connect = connect

    def _saw(self, statement: str) -> None:
        self.seen["statements"] += 1
        self.seen["commits"] += statement.endswith("COMMIT")


class Calls:
    """Counts calls of functions, Python's and C's, in this thread."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        sys.setprofile(self._saw)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _saw(self, frame: object, event: str, argument: object) -> None:
        self.count += event in {"call", "c_call"}


def run(work: Work, count: int, *instruments: trio.abc.Instrument) -> None:
    """Run it in virtual time, with the same order of tasks each time."""
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # as pytest-trio does
    _run._r = random.Random(0)
    random.seed(0)
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(work, count, clock=clock, instruments=instruments)


def each(work: Work, *names: str) -> dict[str, float]:
    """Return what each message more has cost by these counters, without what a start costs."""
    run(work, FEW)  # what is made once: caches, imports
    few, many = _spent(work, FEW), _spent(work, MANY)
    return {name: (many[name] - few[name]) / (MANY - FEW) for name in names}


def _spent(work: Work, count: int) -> dict[str, int]:
    statements, calls, wakeups = Statements(), Calls(), Wakeups()
    with statements.counting():
        before = blocks()
        run(work, count, wakeups)
        kept = blocks() - before
    with calls.counting():
        run(work, count)
    counted = {name: statements.seen[name] for name in ("statements", "commits")}
    return {**counted, "wake_ups": wakeups.count, "calls": calls.count, "blocks_kept": kept}


def stop_clocks() -> None:
    """Let all clocks stand still, for whatever is imported after this."""
    time.perf_counter = time.monotonic = lambda: 0.0
    time.time = lambda: 1e9


def blocks() -> int:
    """Return how many memory blocks are in use, without what is only waiting to be collected."""
    for _ in range(3):
        gc.collect()
    return sys.getallocatedblocks()
