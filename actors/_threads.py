"""Pooled worker threads for plain handlers, and the count of those that only wait.

A job is a callable without arguments that must not raise. A thread that waits for a reply gives up
its place meanwhile, so that a pool whose handlers ask each other cannot lock up.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

Job: TypeAlias = Callable[[], None]

_here = threading.local()  # the worker that a pool's thread is, for `waiting`


class Named(Protocol):
    """What a thread is busy with."""

    @property
    def path(self) -> str: ...


class Worker:
    """One thread of the pool: parked on its gate, or running a job."""

    __slots__ = ("gate", "job", "replaced", "thread", "what")

    def __init__(self, job: Job | None) -> None:
        self.job = job
        self.gate = threading.Lock()
        self.gate.acquire()
        self.what: Named | None = None
        self.replaced = False
        self.thread: threading.Thread | None = None


class ThreadPool:
    """At most `max_threads` busy threads, started on demand and kept for `keep_alive` seconds.

    Threads that wait in `Reply.get` are not counted, nor those that were written off as stuck, of
    which there may be `max_stuck`.
    """

    def __init__(
        self,
        name: str,
        *,
        max_threads: int = 256,
        max_stuck: int = 64,
        keep_alive: float = 10.0,
        on_full: Callable[[list[str]], None] | None = None,
    ) -> None:
        self.max_threads = max_threads
        self.max_stuck = max_stuck
        self._name = name
        self._keep_alive = keep_alive
        self._on_full = on_full
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._jobs: deque[Job] = deque()
        self._busy = 0  # jobs that count against max_threads
        self._stuck = 0
        self._closed = False
        self._told_full = False
        self._numbers = itertools.count(1)

    @property
    def has_waiting(self) -> bool:
        """Whether a job waits for a thread."""
        return bool(self._jobs)

    @property
    def busy(self) -> int:
        """How many threads are busy, those that only wait or are stuck excepted."""
        return self._busy

    @property
    def stuck(self) -> int:
        """How many threads were written off and have not come back."""
        return self._stuck

    def submit(self, job: Job) -> None:
        """Run `job` on a thread as soon as there is one."""
        with self._lock:
            if self._busy >= self.max_threads:
                self._jobs.append(job)
                full = not self._told_full
                self._told_full = True
            else:
                full = False
                self._busy += 1
                self._hand_out(job)
        if full and self._on_full is not None:
            self._on_full(self.holders())

    def holders(self) -> list[str]:
        """Return what the busy threads are busy with."""
        with self._lock:
            return [worker.what.path for worker in self._workers if worker.what is not None]

    def write_off(self, worker: Worker) -> bool:
        """Stop counting a stuck thread; False when too many are stuck already."""
        with self._lock:
            if self._stuck >= self.max_stuck:
                return False
            if not worker.replaced:
                worker.replaced = True
                self._stuck += 1
                self._let_go()
            return True

    def forget(self) -> None:
        """Begin anew in a forked child, where none of its threads exists."""
        self._lock = threading.Lock()
        self._idle, self._workers, self._jobs = [], set(), deque()
        self._busy = self._stuck = 0
        self._closed = True

    def close(self) -> None:
        """End: wait for idle threads, which take no time; busy ones end after their job."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.gate.release()
        for worker in idle:
            if worker.thread is not None:
                worker.thread.join()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Give up this thread's place while it waits."""
        with self._lock:
            self._let_go()
        try:
            yield
        finally:
            with self._lock:  # a returning thread never waits for a place: the count may be passed
                self._busy += 1

    def _hand_out(self, job: Job) -> None:
        if self._idle:
            worker = self._idle.pop()
            worker.job = job
            worker.gate.release()
            return
        worker = Worker(job)
        name = f"{self._name}-{next(self._numbers)}"
        worker.thread = threading.Thread(target=self._work, args=(worker,), name=name, daemon=True)
        self._workers.add(worker)
        worker.thread.start()

    def _let_go(self) -> None:
        """Free one place, and fill it if a job waits. The lock is held."""
        self._busy -= 1
        if self._jobs and self._busy < self.max_threads:
            self._busy += 1
            self._hand_out(self._jobs.popleft())
        if not self._jobs:
            self._told_full = False

    def _work(self, worker: Worker) -> None:
        _here.pool, _here.worker = self, worker
        try:
            job = worker.job
            while job is not None:
                job()
                worker.what = None
                job = None  # an idle thread keeps no actor alive
                job = self._next(worker)
        finally:
            with self._lock:
                self._workers.discard(worker)

    def _next(self, worker: Worker) -> Job | None:
        """Return the next job of this thread, or None when it is to end."""
        with self._lock:
            worker.job = None
            if worker.replaced:
                self._stuck -= 1
                return None
            if self._jobs and self._busy <= self.max_threads:
                return self._jobs.popleft()
            self._busy -= 1
            if self._closed:
                return None
            self._idle.append(worker)
        if not worker.gate.acquire(timeout=self._keep_alive):
            self._retire(worker)
        return worker.job

    def _retire(self, worker: Worker) -> None:
        """Take an idle thread out of the pool, unless it was given a job at the last moment."""
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                return
        worker.gate.acquire()  # it was opened for that job: else it would not hold the next time


def current_worker() -> Worker | None:
    """Return the worker that this thread is, if it belongs to a pool."""
    worker: Worker | None = getattr(_here, "worker", None)
    return worker


def waiting() -> contextlib.AbstractContextManager[None]:
    """Give up this thread's place in its pool, if it has one, while it waits."""
    pool: ThreadPool | None = getattr(_here, "pool", None)
    if pool is None or _here.worker.replaced:
        return _NOTHING
    return pool.waiting()


_NOTHING: Final = contextlib.nullcontext()
