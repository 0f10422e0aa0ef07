"""ActorSystem: one trio run's worth of actors, thin wiring.

It lives in the caller's trio run (`async with`, under trio) or in a trio run of its own in a thread
(`async with` under asyncio, `with` elsewhere). One task, the kernel, owns all others: it is
shielded from the caller's cancellation and ends within `shutdown_timeout` once it is asked to.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, Unpack, overload

import trio
import trio.abc
from pykka import ActorDeadError

from actors import _fork
from actors._activity import Activity, JumpingClock
from actors._actor import Actor
from actors._bridge import Bridge
from actors._cancelled import to_be_judged
from actors._entry import InThread, InTrio
from actors._errors import SystemFailed
from actors._events import Event, EventStream, Overran, PoolFull
from actors._frames import RUNTIME
from actors._portal import AsyncioSide
from actors._process_call import ProcessCall
from actors._processes import ProcessPool
from actors._ref import ActorRef
from actors._reply import Reply
from actors._settings import RunsOn, Seconds, as_seconds
from actors._snapshot import SystemSnapshot, snapshot_system
from actors._statistics import SystemStatistics, statistics_of_system
from actors._supervising import OwnSupervision, supervise, supervise_root
from actors._supervisor import Family
from actors._taskless import end_all
from actors._threads import ThreadPool
from actors._timers import Timer, Timers
from actors._waiters import runs_a_loop
from actors._watchdog import Watchdog
from supervisors import ChildSpec, ConfigurationError, Strategy, leaves

if TYPE_CHECKING:
    from actors._cell import Cell

A = TypeVar("A", bound=Actor)
T = TypeVar("T")

logger = logging.getLogger("pykka")

State = Literal["new", "running", "stopping", "ended"]


class ActorSystem:
    """Runs actors; entered once, with `async with` or `with`.

    `strategy` is for its root actors (default: `OneForOne()`; giving up stops that actor alone).
    `clock` is the trio clock of a system in its own thread. `seed` makes the jitter of its backoffs
    repeatable. `shutdown_timeout` (seconds or timedelta) is how long leaving the block may take.
    `runs_on` is where `async def` handlers run: `"asyncio"` when it is entered under asyncio, else
    `"trio"`. `max_threads` bounds the threads that run plain handlers, `max_processes` the workers
    of `runs_on="process"` and `run_in_process` (default: one for each processor). A task that
    blocks the trio thread for `blocked_after` seconds (or timedelta; None: never mind) is a warning
    of logger `actors` and an event, `LoopBlocked`, with the stack.

    Leaving the block stops the root actors in reverse order. What the body raised arrives as it is.

    Raises:
        ConfigurationError: options that are not allowed, all at once

    Raises (on leaving the block):
        SystemFailed: a failure was escalated to the root

    """

    def __init__(
        self,
        name: str,
        *,
        strategy: Strategy | None = None,
        clock: trio.abc.Clock | None = None,
        seed: int | str | None = None,
        shutdown_timeout: Seconds = 5.0,
        runs_on: RunsOn | None = None,
        max_threads: int = 256,
        max_processes: int | None = None,
        blocked_after: Seconds | None = 1.0,
    ) -> None:
        _refuse_unknown(
            name=name,
            strategy=strategy,
            clock=clock,
            shutdown_timeout=shutdown_timeout,
            runs_on=runs_on,
            max_threads=max_threads,
            max_processes=max_processes,
            blocked_after=blocked_after,
        )
        self.name = name
        self.seed = random.getrandbits(64) if seed is None else seed
        self.runs_on: RunsOn = runs_on or "trio"
        self.shutdown_timeout = as_seconds(shutdown_timeout)
        self.events = EventStream()
        self.lock = threading.Lock()
        self.strategies: dict[Cell, Strategy] = {}  # that took the place of their actors' own
        self.supervising = threading.Lock()
        self.root = Family(self, None, strategy)
        self.threads = ThreadPool(f"actors-{name}", max_threads=max_threads, on_full=self._full)
        self.processes = ProcessPool(self, max_processes or os.cpu_count() or 1)
        self.thread_id: int | None = None
        self.base_context = contextvars.Context()
        self.runtime_code: tuple[str, ...] = RUNTIME
        """Folders whose code is not a user's, for stacks."""
        self._blocked_after = None if blocked_after is None else as_seconds(blocked_after)
        self._chosen_runs_on = runs_on
        self._given_clock = clock
        self._clock: trio.abc.Clock | None = None
        self._state: State = "new"
        self._timers = Timers()
        self.bridge = Bridge(self.threads)
        self._failure: BaseException | None = None
        self._interrupt: BaseException | None = None
        self._entry: InTrio | InThread | None = None
        self._idle: trio.Event | None = None
        self.takes_tasks = False
        self._counts: Counter[str] = Counter()
        self.is_default = False

    def __repr__(self) -> str:
        return f"<ActorSystem {self.name} {self._state}>"

    # -- for users -----------------------------------------------------------------------------

    @overload
    def spawn(
        self, factory: ChildSpec, *args: Any, name: str | None = None, **kwargs: Any
    ) -> ActorRef[Any]: ...
    @overload
    def spawn(
        self,
        factory: type[A] | Callable[..., A],
        *args: Any,
        name: str | None = None,
        **kwargs: Any,
    ) -> ActorRef[A]: ...
    def spawn(
        self,
        factory: Callable[..., Actor] | ChildSpec,
        *args: Any,
        name: str | None = None,
        **kwargs: Any,
    ) -> ActorRef[Any]:
        """Start a root actor and return its ref at once, from any thread.

        `factory(*args, **kwargs)` first runs on this thread. Without a name it gets one. Named
        roots are stopped one by one in reverse, a row of unnamed ones side by side.

        Raises:
            ActorDeadError: the system does not run
            NameTaken: a root of this name has not ended
            Exception: what `__init__` raised

        """
        self._refuse_unless_running()
        return self.root.spawn(factory, args, kwargs, name)

    def __getitem__(self, path: str) -> ActorRef[Any]:
        """Return the actor at a path, with or without the system's name: `"shop/orders/7"`.

        Raises:
            KeyError: there is none now

        """
        names = path.strip("/").split("/")
        if names[0] == self.name and len(names) > 1:
            names = names[1:]
        family: Family | None = self.root
        ref: ActorRef[Any] | None = None
        for name in names:
            ref = None if family is None else family.find(name)
            if ref is None:
                raise KeyError(path)
            family = ref._cell.family
        if ref is None:
            raise KeyError(path)
        return ref

    def tree(self) -> SystemSnapshot:
        """Return what is running now, as frozen values; from any thread."""
        return snapshot_system(self)

    def time(self) -> float:
        """Return the time of its trio run's clock, in seconds; from any thread."""
        return time.monotonic() if self._clock is None else self._clock.current_time()

    @property
    def is_running(self) -> bool:
        """Whether actors can be spawned."""
        return self._state == "running"

    def run(self, async_fn: Callable[..., Awaitable[T]], *args: Any) -> Reply[T]:
        """Run an async function in the system's trio run, from any thread, and return the reply.

        It is cancelled when the system stops; the reply then fails with ActorDeadError.
        """
        reply: Reply[T] = Reply()
        context = contextvars.copy_context()

        def begin() -> None:
            if not self.start_task(self.run_for, reply, async_fn, args, context=context):
                reply.fail(ActorDeadError(f"system {self.name} has ended"))

        self.post(begin)
        return reply

    def supervise(
        self,
        actor: str | ActorRef[Any],
        strategy: Strategy | None = None,
        **own: Unpack[OwnSupervision],
    ) -> None:
        """Change how a running actor is supervised, and how it supervises; from any thread.

        `actor` is a ref or a path, "" for the system itself. A `strategy` replaces the one that it
        supervises its children with; `intensity`, `backoff` and `decider` count for the actor in
        place of its parent's, None for the parent's again. It counts from the next decision on:
        nothing is restarted, no message is lost, and a wait that has begun is finished as it was.
        It lasts as long as the actor, over all its restarts. `ref.supervision` is how it is now,
        and the event SupervisionReplaced tells of each change.

        Raises:
            ConfigurationError: what could not have been declared either; nothing is changed
            KeyError: no actor has this path
            ActorDeadError: it has ended

        """
        if isinstance(actor, str) and not actor:
            if own or strategy is None:
                problem = "a system has no supervisor of its own: give a strategy alone"
                raise ConfigurationError(self.name, problem)
            supervise_root(self, strategy)
            return
        cell = (self[actor] if isinstance(actor, str) else actor)._cell
        if cell.ended:
            raise ActorDeadError(f"{cell.path} has ended")
        supervise(cell, strategy, own)

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call a plain function in the system's trio thread, soon; it must not block.

        What it raises is logged, because there is nobody to take it.
        """

        def call() -> None:
            try:
                function(*args)
            except Exception:
                logger.exception("%r: %r failed:", self, function)

        self.post(call)

    async def run_on_asyncio(self, async_fn: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run a coroutine function on the asyncio side, awaited in the system's trio run.

        If cancelled: the asyncio task is cancelled, and awaited. A hop costs 50-90 us.
        """
        return await self.bridge.run(async_fn, args, {}, None)

    async def run_in_thread(
        self, function: Callable[..., T], *args: Any, abandon_on_cancel: bool = False
    ) -> T:
        """Call a plain function on a pooled thread, with the context variables, awaited in trio.

        If cancelled: it waits for the thread, unless `abandon_on_cancel`; then it drops the result.
        """
        return await self.bridge.call(function, args, abandon=abandon_on_cancel)

    def run_in_process(
        self, function: Callable[..., T], *args: Any, timeout: Seconds | None = None
    ) -> Reply[T]:
        """Call a module-level function in a worker process, from any thread; return the reply.

        Function and arguments are pickled now; keywords go into a `functools.partial`. One that
        runs longer than `timeout` seconds is ended, and has failed with HandlerTimedOut. If its
        awaiter is cancelled, and after `reply.cancel()`, the worker is ended; at the system's end
        too, and the reply fails with ActorDeadError.

        Raises:
            TypeError: another process cannot find the function, or it is async
            NotPicklable: an argument
            ActorDeadError: the system does not run

        The reply fails with what the function raised, with WorkerDied, HandlerTimedOut or
        NotPicklable.
        """
        limit = None if timeout is None else as_seconds(timeout)
        return self.processes.begin(ProcessCall(self.name, function, args, {}), limit)

    # -- entering --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._refuse_to_enter_twice()
        if (loop := runs_a_loop()) is not None:
            raise RuntimeError(
                f"this thread runs an event loop ({loop}), which `with {self!r}` would stop;"
                " write `async with`"
            )
        self.enter_thread(daemon=True)
        return self

    def enter_thread(self, *, daemon: bool) -> None:
        """Start the trio run in a thread of its own, and wait until it runs."""
        entry = self._entry = InThread(self, daemon=daemon)
        entry.start()
        entry.wait_started()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if isinstance(self._entry, InThread):
            self.stop()
            self._entry.join()
        self._raise_failure(error)

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> Self:
        self._refuse_to_enter_twice()
        if runs_a_loop() == "trio":
            self._entry = InTrio(self)
            await self._entry.start()
        else:
            self.runs_on = self._chosen_runs_on or "asyncio"
            self.bridge.loop = asyncio.get_running_loop()
            self.bridge.callers = AsyncioSide.here()
            entry = self._entry = InThread(self, daemon=True)
            entry.start()
            try:
                await asyncio.to_thread(entry.wait_started)
            except BaseException:
                entry.wait_started()
                self.stop()
                await _join(entry)
                raise
        return self

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if isinstance(self._entry, InTrio):
            await self._entry.finish()
        elif isinstance(self._entry, InThread):
            await _join(self._entry)
        self._raise_failure(error)

    def stop(self) -> None:
        """Ask it to end, from any thread; leaving the block waits for it."""
        self.post_or_ignore(self._want_stop)

    # -- for the parts of the runtime --------------------------------------------------------------

    def post(self, function: Callable[[], object]) -> None:
        """Call a function in the trio thread: now if this is it, else soon.

        Raises:
            ActorDeadError: the system has ended

        """
        if threading.get_ident() == self.thread_id:
            function()
            return
        token = self.__dict__.get("_token")
        if token is None or self._state == "ended":
            raise ActorDeadError(f"system {self.name} does not run")
        try:
            token.run_sync_soon(function)
        except trio.RunFinishedError:
            raise ActorDeadError(f"system {self.name} has ended") from None

    def post_or_ignore(self, function: Callable[[], object]) -> None:
        """Call a function in the trio thread, or not if the system has ended."""
        try:
            self.post(function)
        except ActorDeadError:
            logger.debug("%r: too late for %r", self, function)

    def start_task(
        self,
        async_fn: Callable[..., Awaitable[object]],
        *args: Any,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> bool:
        """Start a task that the kernel owns; False if it takes none now. In the trio thread."""
        if not self.takes_tasks:
            return False
        (context or self.base_context).run(
            lambda: self._nursery.start_soon(async_fn, *args, name=name)
        )
        return True

    def add_timer(self, delay: float, timer: Timer) -> None:
        """Fire a timer after `delay` seconds. From any thread."""
        at = self.time() + delay
        self.post(lambda: self._timers.add(at, timer))

    def fail(self, cause: BaseException) -> None:
        """End the system because a failure reached its root. In the trio thread."""
        if self._failure is None:
            self._failure = SystemFailed(f"system {self.name}: {cause!r} was escalated to its root")
            self._failure.__cause__ = cause
        if self.is_default:  # nobody leaves a block, where this would be raised
            logger.error("%s; all its actors end", self._failure)
        self._end_early()

    def interrupted(self, error: BaseException) -> None:
        """Let leaving the block raise a KeyboardInterrupt that came while it was left."""
        self._interrupt = self._interrupt or error

    def look_at(self, error: BaseException) -> None:
        """End the system for a KeyboardInterrupt or SystemExit in the caller's trio run."""
        if not isinstance(self._entry, InTrio):
            return
        for leaf in leaves(error):
            if isinstance(leaf, KeyboardInterrupt | SystemExit) and self._interrupt is None:
                self._interrupt = leaf
                self._end_early()

    def count(self, kind: Callable[..., Event]) -> None:
        """Count an event, whether or not anybody listens."""
        with self.lock:
            self._counts[kind.__name__] += 1

    def statistics(self) -> SystemStatistics:
        """Return the counters of the system, as they are now; from any thread."""
        return statistics_of_system(self, dict(self._counts))

    def root_changed(self) -> None:
        """Tell `until_idle` that a root actor has ended."""
        idle = self._idle
        if idle is not None and not self.root.cells:
            self.post_or_ignore(idle.set)

    async def until_idle(self) -> None:
        """Wait until there are no root actors, if only for a moment."""
        idle = self._idle = trio.Event()
        if self.root.cells:
            await idle.wait()
        self._idle = None

    def forget_after_fork(self) -> None:
        """End without a word, in a forked child: nothing of it runs there."""
        self._state = "ended"
        self.lock = threading.Lock()
        self.thread_id = None
        self.threads.forget()
        self.processes.forget()
        self.__dict__.pop("_token", None)
        self.root.forget_after_fork(
            f"system {self.name} belongs to the process that this one was forked from; "
            "make a new system here"
        )

    # -- the kernel ------------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def kernel(self, started: Callable[[], object]) -> None:
        """Own all tasks of the system until it has ended."""
        self._token = trio.lowlevel.current_trio_token()
        self._clock = trio.lowlevel.current_clock()
        if isinstance(self._clock, JumpingClock):
            self.bridge.activity = Activity()
            self._clock.attach(self.bridge.activity)
        self._stop_wanted = trio.Event()
        self.base_context = contextvars.copy_context()
        self.thread_id = threading.get_ident()
        watchdog = None if self._blocked_after is None else Watchdog(self, self._blocked_after)
        try:
            _fork.add(self)
            if watchdog is not None:
                watchdog.start()
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as self._nursery:
                    self._nursery.start_soon(self._timers.run)
                    self._state = "running"
                    self.takes_tasks = True
                    started()
                    await self._stop_wanted.wait()
                    self._state = "stopping"
                    with trio.move_on_after(self.shutdown_timeout) as limit:
                        await self.root.stop_all()
                    if limit.cancelled_caught:
                        self._name_overrunners(self.root)
                    self.takes_tasks = False
                    end_all(self.root)
                    self._nursery.cancel_scope.cancel()
                await self.processes.close(self.shutdown_timeout)
                with trio.move_on_after(self.shutdown_timeout):
                    await self.bridge.stop_portal()
        finally:
            self._state = "ended"
            self.takes_tasks = False
            self.thread_id = None
            if watchdog is not None:
                watchdog.stop()
            self.threads.close()
            self.processes.kill()

    @trio.lowlevel.enable_ki_protection
    async def run_for(
        self, reply: Reply[T], async_fn: Callable[..., Awaitable[T]], args: tuple[Any, ...]
    ) -> None:
        try:
            value = await async_fn(*args)
        except BaseException as raised:  # noqa: BLE001  # it is the reply
            try:
                error = to_be_judged(raised, self)
            except trio.Cancelled:
                reply.fail(ActorDeadError("the system ended before this was done"))
                raise
            reply.fail(error)
            self.look_at(error)
        else:
            reply.settle((value, None, None))

    def _name_overrunners(self, family: Family) -> None:
        """Publish who is cut off because the time for all of them is over."""
        for ref in family.refs().values():
            ref._cell.publish(Overran, self.shutdown_timeout, "the shutdown of its system")
            logger.warning("%s overran the shutdown of its system", ref.path)
            if ref._cell.family is not None:
                self._name_overrunners(ref._cell.family)

    def _want_stop(self) -> None:
        self._stop_wanted.set()

    def _end_early(self) -> None:
        self._stop_wanted.set()
        if isinstance(self._entry, InTrio):
            self._entry.cancel_body()

    def _raise_failure(self, error: BaseException | None) -> None:
        """Raise what ended the system, unless the body raised something of its own."""
        mine, self._interrupt = self._interrupt, None
        failure, self._failure = self._failure, None
        if mine is not None and mine is not error:
            raise mine
        if failure is None:
            return
        own = _without_cancellations(error)
        if own is None:
            raise failure
        own.add_note(str(failure))
        if own is not error:
            raise own

    def _refuse_to_enter_twice(self) -> None:
        if self._entry is not None:
            raise RuntimeError(f"system {self.name} was entered before; make another one")

    def _refuse_unless_running(self) -> None:
        if self._state != "running":
            raise ActorDeadError(f"system {self.name} does not run: it is {self._state}")

    def _full(self, holders: list[str]) -> None:
        if self.events.has_subscribers:
            self.events.publish(PoolFull(self.name, self.time(), tuple(holders)))


def _without_cancellations(error: BaseException | None) -> BaseException | None:
    """Return what the body raised of its own when it was cancelled, if anything."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1]
    return None if isinstance(error, trio.Cancelled) else error


def _refuse_unknown(**options: Any) -> None:
    """Check the options of a system, all at once."""
    problems = [
        f"{key}={options[key]!r} is not allowed: give {allowed}"
        for key, (allowed, accepts) in _OPTIONS.items()
        if not accepts(options[key])
    ]
    if problems:
        raise ConfigurationError("ActorSystem", *problems)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "/" not in value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_span(value: Any) -> bool:
    try:
        return as_seconds(value) >= 0
    except (TypeError, ValueError):
        return False


def _is_threshold(value: Any) -> bool:
    return value is None or (_is_span(value) and 0 < as_seconds(value) <= threading.TIMEOUT_MAX)


def _none_or(kind: type) -> Callable[[object], bool]:
    return lambda value: value is None or isinstance(value, kind)


_OPTIONS: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = MappingProxyType(
    {
        "name": ("text without '/'", _is_name),
        "strategy": ("a strategy, such as OneForOne()", _none_or(Strategy)),
        "clock": ("a trio clock", _none_or(trio.abc.Clock)),
        "shutdown_timeout": ("seconds of at least 0", _is_span),
        "runs_on": ("'trio' or 'asyncio'", lambda value: value in (None, "trio", "asyncio")),
        "max_threads": ("a whole number >= 1", _is_count),
        "max_processes": ("a whole number >= 1", lambda one: one is None or _is_count(one)),
        "blocked_after": ("seconds above 0, or None", _is_threshold),
    }
)


async def _join(entry: InThread) -> None:
    """Wait for the system's thread under asyncio, also when cancelled: it ends within its time."""
    joined = asyncio.ensure_future(asyncio.to_thread(entry.join))
    cancelled: asyncio.CancelledError | None = None
    while not joined.done():
        try:
            await asyncio.shield(joined)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
