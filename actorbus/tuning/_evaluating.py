"""Runs simulations, one after the other or in worker processes, until it is time to stop.

Results are noted in the order of their jobs, so that what is known after N runs depends on the
seed alone: not on the machine, and not on how many processes there are.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from time import monotonic
from typing import Literal

from actorbus.options._supervision import Supervision
from actorbus.tuning._archive import Archive, Job, Scenario
from actorbus.tuning._objectives import Costs

_AHEAD = 2
"""Jobs per worker process that are handed over before the first of them is done."""


Reason = Literal["budget", "runs", "interrupted"]


class Stopped(Exception):
    """It is time to stop."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Limits:
    """When to stop: after a number of seconds, after a number of runs, or on demand.

    `asked` says whether somebody wants it to end now.
    """

    def __init__(
        self,
        seconds: float | None = None,
        runs: int | None = None,
        *,
        asked: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._clock = clock
        self._asked = asked
        self._began = clock()
        self._until = None if seconds is None else self._began + seconds
        self._runs = runs
        self._longest = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return self._clock() - self._began

    def part(self, share: float, runs: int | None = None) -> "Limits":
        """Return limits that end after a share of the time that is left."""
        left = None if self._until is None else max(self._until - self._clock(), 0.0) * share
        part = Limits(left, runs, asked=self._asked, clock=self._clock)
        part._longest = self._longest
        return part

    def check(self, runs: int) -> None:
        """Raise Stopped if no further run may begin, of which there have been so many.

        The first one always may: there is no result without it. The next one begins only if there
        is time for one as long as the longest so far.
        """
        if not runs:
            return
        if self._asked():
            raise Stopped("interrupted")
        if self._runs is not None and runs >= self._runs:
            raise Stopped("runs")
        if self._until is not None and self._clock() + self._longest > self._until:
            raise Stopped("budget")

    def took(self, seconds: float) -> None:
        """Note how long a run took."""
        self._longest = max(self._longest, seconds)


_Result = tuple[Costs, float]


class Evaluator:
    """Runs the jobs of one search; `on_run` is told after each of them."""

    def __init__(
        self,
        scenario: Scenario,
        archive: Archive,
        on_run: Callable[[], object] = lambda: None,
        pool: ProcessPoolExecutor | None = None,
        workers: int = 1,
    ) -> None:
        self._scenario = scenario
        self.archive = archive
        self._on_run = on_run
        self._pool = pool
        self._ahead = _AHEAD * workers

    @property
    def baseline(self) -> Supervision:
        """The settings of today."""
        return self._scenario.baseline

    def run(self, candidates: Iterable[Supervision], runs: int, limits: Limits) -> None:
        """See that each candidate has had so many runs. Raises Stopped, keeping what was done."""
        missing = self.archive.missing
        jobs = [job for settings in dict.fromkeys(candidates) for job in missing(settings, runs)]
        results = self._inline(jobs, limits) if self._pool is None else self._handed(jobs, limits)
        for (settings, _), (costs, seconds) in results:
            self.archive.add(settings, costs)
            limits.took(seconds)
            self._on_run()

    def _inline(self, jobs: Iterable[Job], limits: Limits) -> Iterator[tuple[Job, _Result]]:
        for job in jobs:
            limits.check(self.archive.runs)
            yield job, _timed(self._scenario, job)

    def _handed(self, jobs: Iterable[Job], limits: Limits) -> Iterator[tuple[Job, _Result]]:
        """Yield results in the order of the jobs; what was handed over in vain is dropped."""
        assert self._pool is not None  # noqa: S101  `run` looked
        waiting: deque[tuple[Job, Future[_Result]]] = deque()
        rest = iter(jobs)
        try:
            while True:
                limits.check(self.archive.runs)
                for job in islice(rest, self._ahead - len(waiting)):
                    waiting.append((job, self._pool.submit(_work, job)))
                if not waiting:
                    return
                job, result = waiting.popleft()
                yield job, result.result()
        finally:
            for _, result in waiting:
                result.cancel()


def _timed(scenario: Scenario, job: Job) -> _Result:
    began = monotonic()
    costs = scenario.run(*job)
    return costs, monotonic() - began


# A worker process has one scenario, which it gets when it starts.
_scenario: Scenario | None = None


def _start_worker(scenario: Scenario) -> None:
    global _scenario  # noqa: PLW0603  # the process's own: initializer and job share nothing else
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that began it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _scenario = scenario


def _end_with_parent() -> None:
    """End this process with the one that began it, which may be killed: nobody else would."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job) -> _Result:
    assert _scenario is not None  # noqa: S101  the pool's initializer ran
    return _timed(_scenario, job)


@contextmanager
def worker_processes(scenario: Scenario, workers: int) -> Iterator[ProcessPoolExecutor | None]:
    """Give a pool of worker processes; None for one worker: then nothing is handed over."""
    if workers == 1:
        yield None
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(scenario,),
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
