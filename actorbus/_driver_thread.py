"""One asyncio loop in a thread of its own, for drivers that know asyncio only.

Apart from the loops that handlers run on, so that a handler that blocks its loop stops no driver.
Crossings are batched both ways: what is handed over while the other side has not yet looked costs
no wake-up of its own, so that under load a hop costs a few microseconds.

Rules: (1) what is handed over is carried out in order; (2) a call that is cancelled is waited for,
at most `PATIENCE` seconds; (3) whatever still runs when the thread is stopped is cancelled, and its
callers get DriverThreadEnded; (4) an error of a task that nobody waits for is logged.
"""

import asyncio
import functools
import importlib.util
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, NoReturn, TypeVar

import outcome
import trio

T = TypeVar("T")

AsyncFunction = Callable[..., Coroutine[Any, Any, T]]

PATIENCE: Final = 5.0
"""Seconds that a cancelled task has to end before it is left behind."""

_log = logging.getLogger("actorbus.drivers")


class DriverThreadEnded(RuntimeError):
    """The thread was stopped, or not started yet."""


class DriverThread:
    """Start and stop it on the trio side; the rest says where it may be called.

    It may be started again after it was stopped, in another trio run too.
    """

    def __init__(self, name: str = "actorbus drivers") -> None:
        self.name = name
        self._side: _Side | None = None

    def __repr__(self) -> str:
        return f"<DriverThread {self.name!r} {'running' if self._side else 'stopped'}>"

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._side is not None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop. Raises DriverThreadEnded."""
        return self._running().loop

    async def start(self) -> None:
        """Start the thread, unless it runs. Does not checkpoint."""
        if self._side is None:
            self._side = _Side(self.name)
            self._side.thread.start()

    async def stop(self) -> None:
        """Cancel what still runs there and end the thread. Safe to repeat; not cancelled."""
        side, self._side = self._side, None
        if side is not None:
            with trio.CancelScope(shield=True):
                await side.stop()

    async def run(self, function: AsyncFunction[T], *args: Any) -> T:
        """Call an async function on the loop and wait for it. Trio side.

        If cancelled: its task is cancelled and awaited; if it ends with a value nevertheless, that
        is returned. Raises DriverThreadEnded if the thread is stopped meanwhile.
        """
        return await _Call(self._running(), function, args).wait()

    def start_soon(self, function: AsyncFunction[object], *args: Any) -> None:
        """Start a task on the loop that ends by itself, or with the thread. From any thread."""
        side = self._running()
        side.to_loop.put(functools.partial(side.start, function, args))

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call a plain function on the loop's thread, soon. From any thread."""
        self._running().to_loop.put(functools.partial(function, *args))

    def tell(self, function: Callable[..., object], *args: Any) -> None:
        """Call a plain function on the trio side, soon. From the loop's thread.

        Still possible while the thread is being stopped: `stop` waits until all are called.
        """
        side = self._side or _here.side
        if side is None:
            raise DriverThreadEnded(f"{self.name}: not running")
        side.to_trio.put(functools.partial(function, *args))

    def _running(self) -> "_Side":
        if self._side is None:
            raise DriverThreadEnded(f"{self.name}: not running")
        return self._side


class _Lane:
    """Functions on their way to another thread: one wake-up for all that are there already."""

    __slots__ = ("_calls", "_is_awake", "_wake")

    def __init__(self, wake: Callable[[Callable[[], None]], object]) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._is_awake = False
        self._wake = wake

    def put(self, call: Callable[[], object]) -> None:
        self._calls.append(call)
        if not self._is_awake:  # two threads may both see this: a wake-up for nothing is harmless
            self._is_awake = True
            self._wake(self.carry_out)

    def carry_out(self) -> None:
        """Call what has come, on the other thread."""
        self._is_awake = False  # before looking: what comes from now on wakes again
        for _ in range(len(self._calls)):
            call = self._calls.popleft()
            try:
                call()
            except Exception:  # noqa: BLE001  logged, with its traceback
                _log.exception("a call across threads failed: %r", call)


class _Here(threading.local):
    side: "_Side | None" = None


_here = _Here()


class _Side:
    """The thread and its loop, from their start to their end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.loop = _new_loop()
        self.ending = False
        self._token = trio.lowlevel.current_trio_token()
        self.to_loop = _Lane(self.loop.call_soon_threadsafe)
        self.to_trio = _Lane(self._wake_trio_soon)
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._tasks: set[asyncio.Task[object]] = set()
        self._ended = trio.Event()

    def start(self, function: AsyncFunction[object], args: tuple[object, ...]) -> None:
        """Start a task that nobody waits for."""
        if not self.ending:
            task = self.loop.create_task(function(*args))
            self._tasks.add(task)
            task.add_done_callback(self._task_ended)

    async def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._begin_to_end)
        await self._ended.wait()
        self.thread.join()
        self.to_loop.carry_out()  # what came too late is told so
        self.to_trio.carry_out()

    def _run(self) -> None:
        _here.side = self
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.ending = True
            self.loop.close()
            self._wake_trio(self._ended.set)

    def _begin_to_end(self) -> None:
        self.ending = True
        self._ender = self.loop.create_task(self._end())

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            _, left = await asyncio.wait(others, timeout=PATIENCE)
            for task in left:
                _log.error("%s: a task did not end when it was cancelled: %r", self.name, task)
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()
        self.loop.stop()

    def _task_ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s: a task failed", self.name, exc_info=error)

    def _wake_trio_soon(self, call: Callable[[], object]) -> None:
        """Wake the trio side at the end of this turn of the loop, for all that came until then.

        At once, it would take the interpreter's lock from the rest of the turn.
        """
        if self.loop.is_closed():  # `stop` calls what is left
            return
        self.loop.call_soon(self._wake_trio, call)

    def _wake_trio(self, call: Callable[[], object]) -> None:
        try:
            self._token.run_sync_soon(call)
        except trio.RunFinishedError:  # nobody is left who could be told
            _log.debug("%s: the trio run ended before its driver thread", self.name)


class _Call(Generic[T]):
    """An async function that a trio task waits for."""

    __slots__ = ("_args", "_function", "_is_over", "_raise_cancel", "_side", "_task", "_waiting")

    def __init__(self, side: _Side, function: AsyncFunction[T], args: tuple[object, ...]) -> None:
        self._side = side
        self._function = function
        self._args = args
        self._task: asyncio.Task[None] | None = None
        self._waiting = trio.lowlevel.current_task()
        self._raise_cancel: Callable[[], NoReturn] | None = None
        self._is_over = False

    async def wait(self) -> T:
        self._side.to_loop.put(self._begin)
        result: T = await trio.lowlevel.wait_task_rescheduled(self._abort)
        return result

    # -- on the trio side -------------------------------------------------------------------

    def _abort(self, raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        self._raise_cancel = raise_cancel
        self._side.to_loop.put(self._cancel)
        return trio.lowlevel.Abort.FAILED

    def _deliver(self, result: outcome.Outcome[T] | None) -> None:
        """Wake the trio task. Without a result it was cancelled."""
        if result is None and self._raise_cancel is not None:
            result = outcome.capture(self._raise_cancel)
        elif result is None:
            result = outcome.Error(DriverThreadEnded(f"{self._side.name}: was stopped"))
        trio.lowlevel.reschedule(self._waiting, result)

    # -- on the loop's thread ---------------------------------------------------------------

    def _begin(self) -> None:
        if self._side.ending:
            self._end(None)
        else:
            self._task = self._side.loop.create_task(self._carry_out())

    async def _carry_out(self) -> None:
        result: outcome.Outcome[T] | None = None
        try:
            result = outcome.Value(await self._function(*self._args))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():  # the driver's own affair
                result = outcome.Error(DriverThreadEnded(f"{self._side.name}: {error!r}"))
        except BaseException as error:  # noqa: BLE001  raised on the trio side
            result = outcome.Error(error)
        self._end(result)

    def _cancel(self) -> None:
        if self._task is not None and not self._is_over and not self._side.ending:
            self._task.cancel()
            self._task.add_done_callback(self._never_begun)
            self._side.loop.call_later(PATIENCE, self._leave_behind)

    def _never_begun(self, _: "asyncio.Task[None]") -> None:
        """End a call whose task was cancelled before its first step: nothing of it has run."""
        self._end(None)

    def _leave_behind(self) -> None:
        if not self._is_over:
            text = "%s: a call did not end within %g s after it was cancelled: %r"
            _log.error(text, self._side.name, PATIENCE, self._function)
            self._end(None)

    def _end(self, result: outcome.Outcome[T] | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._side.to_trio.put(functools.partial(self._deliver, result))


def _new_loop() -> asyncio.AbstractEventLoop:
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415  only where it is installed

    return uvloop.new_event_loop()
