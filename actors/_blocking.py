"""BlockingActor: an actor with a thread of its own, the same one across restarts."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from actors._actor import Actor
from actors._threads import Job
from supervisors import ConfigurationError

if TYPE_CHECKING:
    from actors._cell import Cell


class OwnThread:
    """One thread that runs jobs in order; started with the first, ended by `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[Job] = deque()
        self._ready = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: Job) -> None:
        """Run a job after those before it."""
        with self._lock:
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
        self._ready.release()

    def close(self) -> None:
        """End the thread after the jobs that it has."""
        with self._lock:
            self._closed = True
        self._ready.release()

    def successor(self) -> OwnThread:
        """Return a new one of the same name, for when this thread is stuck."""
        return OwnThread(self._name)

    def _work(self) -> None:
        while True:
            self._ready.acquire()
            try:
                job = self._jobs.popleft()
            except IndexError:
                if self._closed:
                    return
                continue
            job()


class BlockingActor(Actor):
    """For state that is bound to a thread, or handlers that block for long.

    All its plain methods, `__init__` after a restart and the hooks included, run in one thread that
    it does not share. The first `__init__` runs in the thread that spawns it, as everywhere. A
    thread that is given up (`abandon=True`, or at the end) is replaced by a new one.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse what contradicts it.

        Raises:
            ConfigurationError: as for `Actor`, and for `runs_on="process"`

        """
        super().__init_subclass__(**options)
        if cls._settings.runs_on == "process":
            raise ConfigurationError(
                cls.__name__, "runs_on='process' is for actors without a thread of their own"
            )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        prepare(self._cell)


def prepare(cell: Cell) -> None:
    """Give the cell a thread of its own, unless it has one from an instance before."""
    cell.plain = True
    if cell.workers is None:
        cell.on_thread = True
        cell.workers = OwnThread(f"actors-{cell.path}")
