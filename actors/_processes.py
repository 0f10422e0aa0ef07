"""Worker processes for CPU-bound functions: started on demand, owned by one system.

A worker makes one call at a time. One that dies fails the call that it had begun, and no other; one
whose call is cancelled, or late, is ended. All of this is for the system's trio thread.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from actors._errors import ActorDeadError, HandlerTimedOut, WorkerDied
from actors._events import PoolFull
from actors._process_call import LARGE, ProcessCall
from actors._process_pipe import Gone, Worker
from actors._process_worker import LOADING
from actors._reply import Reply, Requested
from actors._timers import Timer

if TYPE_CHECKING:
    from actors._system import ActorSystem

T = TypeVar("T")

logger = logging.getLogger("pykka")

KEEP_ALIVE: Final = 30.0
"""Seconds after which an idle worker ends."""

GRACE: Final = 1.0
"""Seconds that an idle worker has to end by itself, with its exit functions."""

PATIENCE: Final = 60.0
"""Seconds that a worker has to start and to import a function's module, if the call has a limit."""

ATTEMPTS: Final = 3
"""How many workers may die, one after the other, before they have begun a call."""


class Called(Requested[T]):
    """The answer of a call, which ends when nobody wants it any more."""

    def __init__(self, stop: Callable[[], object]) -> None:
        super().__init__()
        self.over: Reply[None] = Reply()
        """Settled when nothing of it runs any more."""
        self._stop = stop

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the value. If cancelled under trio: returns when the worker has ended."""
        try:
            return (yield from super().__await__())
        except trio.Cancelled:
            if self.done:
                with trio.CancelScope(shield=True):  # noqa: ASYNC100  # the generator awaits
                    yield from self.over.__await__()
            raise

    def cancel(self) -> bool:
        """Give the call up. False if it was settled."""
        given_up = super().cancel()
        if given_up:
            self._stop()
        return given_up


class ProcessPool:
    """At most `max_processes` workers. Callers wait for one in the order in which they came."""

    def __init__(self, system: ActorSystem, max_processes: int) -> None:
        self.max_processes = max_processes
        self._system = system
        self._places = trio.Semaphore(max_processes)
        self._hops = trio.CapacityLimiter(2 * max_processes)  # threads that start and reap
        self._idle: list[Worker] = []
        self._busy: dict[Worker, ProcessCall] = {}
        self._sweeps = False
        self._told_full = False
        self._closed = False

    @property
    def busy(self) -> int:
        """How many workers make a call."""
        return len(self._busy)

    @property
    def idle(self) -> int:
        """How many wait for one."""
        return len(self._idle)

    def begin(self, call: ProcessCall, limit: float | None) -> Reply[Any]:
        """Make a call in a task of the system's, and return its reply. From any thread.

        Raises:
            ActorDeadError: the system does not run

        """
        system, scope = self._system, trio.CancelScope()
        reply: Called[Any] = Called(lambda: system.post_or_ignore(scope.cancel))

        async def run_in_scope() -> None:
            try:
                with scope:
                    await system.run_for(reply, self.run, (call, limit))
            finally:
                reply.over.settle((None, None, None))

        def start() -> None:
            if not system.start_task(run_in_scope, name=call.label):
                reply.fail(ActorDeadError(f"system {system.name} has ended"))
                reply.over.settle((None, None, None))

        system.post(start)
        return reply

    async def run(self, call: ProcessCall, limit: float | None = None) -> Any:
        """Make a call in a worker, within `limit` seconds from when the function begins.

        If cancelled: the worker is ended.

        Raises:
            WorkerDied: while it made the call
            HandlerTimedOut: it took longer; the worker was ended
            BaseException: what the function raised

        """
        with self._system.bridge.flight():
            async with self._place():
                kind, body = await self._answer(call, limit)
            if len(body) < LARGE:
                return call.open(kind, body)
            return await trio.to_thread.run_sync(call.open, kind, body, limiter=self._hops)

    async def _answer(self, call: ProcessCall, limit: float | None) -> tuple[bytes, bytes]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._worker(call) as worker:
                    return await _limited(worker, call, limit)
            except Gone as gone:
                if gone.begun or attempt == ATTEMPTS:
                    raise _death(gone, call) from None
                logger.debug("%r: a worker process died before it had begun", self._system)
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        if self._places.value == 0:
            self._tell_full()
        async with self._places:
            yield
        if not self._places.statistics().tasks_waiting:
            self._told_full = False

    def _tell_full(self) -> None:
        events = self._system.events
        if not self._told_full and events.has_subscribers:
            holders = tuple(f"{call.who}: {call.label}" for call in self._busy.values())
            events.publish(PoolFull(self._system.name, self._system.time(), holders))
        self._told_full = True

    @asynccontextmanager
    async def _worker(self, call: ProcessCall) -> AsyncIterator[Worker]:
        """Lend a worker for a call; one that did not answer is ended."""
        worker = await self._take()
        self._busy[worker] = call
        try:
            yield worker
        except BaseException as error:
            await worker.end(GRACE if isinstance(error, Gone) else 0.0, self._hops)
            raise
        finally:
            del self._busy[worker]
        self._keep(worker)

    async def _take(self) -> Worker:
        """Return an idle worker that is alive, or a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            await worker.end(0.0, self._hops)
        if self._closed:
            raise ActorDeadError(f"system {self._system.name} has ended")
        if hasattr(sys.modules["__main__"], LOADING):
            raise RuntimeError(
                "a worker process imports this program, which now wants workers of its own; what "
                'it does as a program belongs below `if __name__ == "__main__":`'
            )
        return await trio.to_thread.run_sync(Worker, limiter=self._hops)

    # -- idle workers ------------------------------------------------------------------------

    def _keep(self, worker: Worker) -> None:
        worker.idle_since = trio.current_time()
        self._idle.append(worker)
        if not self._sweeps:
            self._sweep_in(KEEP_ALIVE)

    def _sweep_in(self, seconds: float) -> None:
        self._sweeps = True
        self._system.add_timer(seconds, Timer(self._sweep, None))

    def _sweep(self) -> None:
        """End workers that were idle for long; look again while there are others."""
        self._sweeps = False
        now = trio.current_time()
        over = [worker for worker in self._idle if now - worker.idle_since >= KEEP_ALIVE]
        self._idle = [worker for worker in self._idle if worker not in over]
        for worker in over:
            if not self._system.start_task(worker.end, GRACE, self._hops, name="end a worker"):
                worker.kill()
        if self._idle:
            self._sweep_in(min(worker.idle_since for worker in self._idle) + KEEP_ALIVE - now)

    # -- the end -----------------------------------------------------------------------------

    async def close(self, timeout: float) -> None:
        """End all workers; they have at most `timeout` seconds to do so by themselves."""
        self._closed = True
        workers, self._idle = self._idle, []
        async with trio.open_nursery() as nursery:
            for worker in workers:
                nursery.start_soon(worker.end, min(GRACE, timeout), self._hops)

    def kill(self) -> None:
        """End at once what is left."""
        self._closed = True
        for worker in (*self._idle, *self._busy):
            worker.kill()

    def forget(self) -> None:
        """Begin anew in a forked child, whose copies of the pipes would keep the workers alive."""
        for worker in (*self._idle, *self._busy):
            worker.forget()
        self._idle, self._busy = [], {}
        self._closed = True


async def _limited(worker: Worker, call: ProcessCall, limit: float | None) -> tuple[bytes, bytes]:
    if limit is None:
        return await worker.answer(call.frame, lambda: None)

    patience = max(limit, PATIENCE)
    late = f"{call.who}: a worker needed longer than {patience} seconds to load {call.label}"

    def begin() -> None:
        nonlocal late
        late = f"{call.who}: {call.label} ran longer than {limit} seconds"
        scope.deadline = trio.current_time() + limit

    with trio.move_on_after(patience) as scope:
        return await worker.answer(call.frame, begin)
    raise HandlerTimedOut(late)


def _death(gone: Gone, call: ProcessCall) -> WorkerDied:
    """Return the error that says how a worker ended."""
    code = gone.worker.exit_code
    did = "ran" if gone.begun else "was to begin"
    name = None if code is None or code >= 0 else _signal_name(-code)
    how = f"was ended by {name}" if name else f"exited with code {code}"
    text = f"{call.who}: worker process {gone.worker.pid} {how} while it {did} {call.label}"
    return WorkerDied(text, exit_code=None if name else code, signal=name)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
