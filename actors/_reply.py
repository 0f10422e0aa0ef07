"""One answer for three worlds: awaited under trio or asyncio, waited for on a thread.

Rules: (1) a reply is settled once, by any thread, without a lock: `dict.setdefault` and `list.pop`
are atomic; (2) whoever settles it runs the callbacks: short ones, whose failures are logged;
(3) `get` never stops an event loop; (4) a deadline is kept by whoever waits, not by a timer, so a
request with a time limit that nobody waits for costs nothing.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import trio
from pykka import Future, Timeout

from actors._activity import pause_thread_until
from actors._errors import BlockingCall, ReplyCancelled
from actors._threads import waiting
from actors._waiters import (
    pass_gate,
    refuse_to_block,
    resolve_in_asyncio,
    resolve_in_trio,
)

T = TypeVar("T")
M = TypeVar("M")
J = TypeVar("J")
R = TypeVar("R")

ExcInfo: TypeAlias = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
Outcome: TypeAlias = tuple[Any, BaseException | None, TracebackType | None]
Callback: TypeAlias = "Callable[[Reply[Any]], object]"

logger = logging.getLogger("pykka")


class Reply(Future[T]):
    """The answer to a request: a `pykka.Future` that can also be awaited.

    `await reply` works in any trio run and any asyncio loop, `reply.get(timeout=…)` on plain
    threads. Cancelling the only task that awaits a *request* gives the request up: it is skipped if
    the actor has not begun it. Other replies can be awaited again.
    """

    _outcome: Outcome | None = None
    _get_hook: Callable[[float | None], T] | None = None
    _observed = False
    _given_up_with_its_waiter = False
    _deadline = math.inf
    _clock: Callable[[], float] = staticmethod(time.monotonic)

    if not TYPE_CHECKING:  # Pykka's attributes are class attributes here: replies are many
        __init__ = object.__init__

    def __repr__(self) -> str:
        return f"<actors.Reply {self._state()}>"

    def __del__(self) -> None:
        if self._outcome is not None and self._outcome[1] is not None and not self._observed:
            _log_unobserved(self._outcome[1])

    # -- settling -------------------------------------------------------------------------

    def set(self, value: T | None = None) -> None:
        """Settle with a value.

        Raises:
            queue.Full: it is settled already, or has a get hook

        """
        if self._get_hook is not None or not self.settle((value, None, None)):
            raise queue.Full

    def set_exception(self, exc_info: ExcInfo | BaseException | None = None) -> None:
        """Settle with an exception, or with the one that is being handled.

        Raises:
            queue.Full: it is settled already, or has a get hook

        """
        error, traceback = _exception_of(exc_info)
        if self._get_hook is not None or not self.settle((None, error, traceback)):
            raise queue.Full

    def settle(self, outcome: Outcome) -> bool:
        """Settle with (value, None, None) or (None, error, traceback); False if it was settled."""
        if self.__dict__.setdefault("_outcome", outcome) is not outcome:
            return False
        if "_callbacks" in self.__dict__:
            self._run_callbacks()
        return True

    def fail(self, error: BaseException) -> bool:
        """Settle with an exception; return False if it was settled already."""
        return self.settle((None, error, error.__traceback__))

    def cancel(self) -> bool:
        """Give the request up: it is skipped if not yet begun. False if it was settled."""
        self._observed = True
        return self.fail(ReplyCancelled("given up before it was answered"))

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Let `get` call `func(timeout)` once for the value, as in Pykka.

        Raises:
            queue.Full: it is settled already

        """
        if self._outcome is not None:
            raise queue.Full
        self._get_hook = func
        self._run_callbacks()

    # -- looking ----------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether the value or the exception is there, so that `get` would not wait."""
        return self._outcome is not None

    @property
    def abandoned(self) -> bool:
        """Whether nobody wants the answer any more: settled early, or past its deadline."""
        if self._outcome is not None:
            return True
        return self._deadline is not math.inf and self._clock() >= self._deadline

    def limit(self, deadline: float, clock: Callable[[], float]) -> None:
        """Let the answer be late from `deadline` on, a time of `clock`."""
        self._deadline = deadline
        self._clock = clock

    def get(self, *, timeout: float | None = None) -> T:
        """Return the value, waiting for it on this thread.

        Raises:
            pykka.Timeout: it did not come within `timeout` seconds, or not by its own deadline
            BlockingCall: this thread runs an event loop and the value is not there yet
            Exception: the exception that it was settled with

        """
        if self._outcome is None:
            self._resolve(timeout)
        return self._open()

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the value under trio or asyncio. If cancelled: the request is given up."""
        if self._outcome is None:
            yield from self._resolve_async().__await__()
        return self._open()

    __iter__ = __await__

    def add_done_callback(self, callback: Callback) -> None:
        """Call `callback(reply)` once settled: at once, or on the thread that settles it.

        It must be short and must not block. What it raises is logged and harms nobody.
        """
        self.__dict__.setdefault("_callbacks", []).append(callback)
        if self._outcome is not None:
            self._run_callbacks()

    # -- composing --------------------------------------------------------------------------

    @staticmethod
    def of(future: Any) -> Reply[Any]:
        """Adapt a foreign future: Pykka's, `concurrent.futures`' or asyncio's."""
        return adapt(future)

    def map(self, func: Callable[[T], M]) -> Reply[M]:
        """Return a reply of `func(value)`, applied once, by whoever first looks at it."""
        return Derived([self], lambda values: func(values[0]))

    def filter(self: Future[Iterable[J]], func: Callable[[J], bool]) -> Reply[Iterable[J]]:
        """Return a reply of the list of those items for which `func` is true."""
        return Derived([self], lambda values: list(filter(func, values[0])))

    def join(self, *futures: Future[Any]) -> Reply[Iterable[Any]]:
        """Return a reply of the list of all their values; the first failure is its failure."""
        return Derived([self, *futures], list)

    def reduce(self: Future[Iterable[J]], func: Callable[[R, J], R], *args: R) -> Reply[R]:
        """Return a reply of `functools.reduce(func, value, *args)`."""
        return Derived([self], lambda values: functools.reduce(func, values[0], *args))

    # -- inside -------------------------------------------------------------------------------

    def _state(self) -> str:
        if self._outcome is None:
            return "pending"
        return "failed" if self._outcome[1] is not None else "done"

    def _open(self) -> T:
        self._observed = True
        if self._outcome is None:
            raise AssertionError("looked at before it was settled")
        value, error, traceback = self._outcome
        if error is None:
            return cast("T", value)
        if error.__traceback__ is not traceback:
            raise error.with_traceback(traceback)
        raise error

    def _run_callbacks(self) -> None:
        callbacks: list[Callback] = self.__dict__.get("_callbacks", [])
        while callbacks:
            try:
                callback = callbacks.pop(0)
            except IndexError:  # another thread took the last one
                return
            try:
                callback(self)
            except KeyboardInterrupt:
                raise
            except BaseException:  # foreign code; the actor that settles it goes on
                logger.exception("A callback of a reply failed:")

    def _forget(self, callback: Callback) -> bool:
        """Remove a callback; return whether nobody else waits."""
        callbacks: list[Callback] = self.__dict__.get("_callbacks", [])
        if callback in callbacks:
            callbacks.remove(callback)
        return not any(getattr(one, "waits", True) for one in callbacks)

    def _expire(self, timeout: float | None) -> None:
        """Settle as late if it is past its own deadline, else raise for this caller alone."""
        error = Timeout("no answer in time" if timeout is None else f"{timeout} seconds")
        if self._clock() < self._deadline:
            raise error
        self._observed = True
        self.fail(error)

    def _remaining(self) -> float:
        return math.inf if self._deadline is math.inf else self._deadline - self._clock()

    def _resolve(self, timeout: float | None) -> None:
        if self._get_hook is not None:
            self.settle((self._get_hook(timeout), None, None))
            return
        refuse_to_block()
        self._wait_on_thread(timeout)

    def _wait_on_thread(self, timeout: float | None) -> None:
        """Wait on a thread that is known to run no event loop."""
        gate = threading.Lock()
        gate.acquire()

        def opened(_reply: Reply[Any]) -> None:
            gate.release()

        pause = pause_thread_until(self)
        self.add_done_callback(opened)
        limit = math.inf if timeout is None else timeout
        if self._deadline is not math.inf:
            limit = min(limit, self._remaining())
        with waiting():
            in_time = gate.acquire() if limit is math.inf else pass_gate(gate, limit)
        if pause is not None:
            pause.leave()
        if not in_time and self._outcome is None:
            self._forget(opened)
            self._expire(timeout)
        elif self._outcome is None:  # it was given a get hook
            self._resolve(timeout)

    async def _resolve_async(self) -> None:
        if trio.lowlevel.in_trio_run():
            await resolve_in_trio(self)
        else:
            await resolve_in_asyncio(self)
        if self._outcome is None and self._get_hook is None:
            self._expire(None)


class Requested(Reply[T]):
    """The answer to a message: nobody else can wait for it once its asker is cancelled."""

    _given_up_with_its_waiter = True


class Derived(Reply[T]):
    """The value of other futures passed through a function, once, by whoever first looks."""

    def __init__(
        self,
        sources: Sequence[Future[Any]] = (),
        combine: Callable[[list[Any]], T] | None = None,
        recover: Callable[[BaseException], T] | None = None,
    ) -> None:
        self._sources = list(sources)
        self._combine = combine
        self._recover = recover
        self._once = threading.RLock()

    def add_done_callback(self, callback: Callback) -> None:
        """Call `callback(reply)` once all its sources are settled."""
        if not self._sources:
            super().add_done_callback(callback)
            return
        ready = _AllDone(len(self._sources), lambda: callback(self))
        for source in self._sources:
            adapt(source).add_done_callback(ready)

    def _resolve(self, timeout: float | None) -> None:
        if not self._sources:
            super()._resolve(timeout)
            return
        try:
            values = [source.get(timeout=timeout) for source in self._sources]
        except (Timeout, BlockingCall):
            raise
        except BaseException as error:  # noqa: BLE001  # it is settled with it, and raised to who looks
            self._settle_failed(error)
        else:
            self._settle_with(values)

    async def _resolve_async(self) -> None:
        if not self._sources:
            await super()._resolve_async()
            return
        values = []
        for source in self._sources:
            reply = adapt(source)
            if not reply.done:
                await reply._resolve_async()
            try:
                values.append(reply._open())
            except BaseException as error:  # noqa: BLE001  # as above; nothing was awaited in the try
                self._settle_failed(error)
                return
        self._settle_with(values)

    def _settle_with(self, values: list[Any]) -> None:
        with self._once:  # who comes second waits as long as it would have taken itself
            if self._outcome is not None or self._combine is None:
                return
            try:
                value = self._combine(values)
            except Exception as error:  # noqa: BLE001  # it is settled with it, and raised to who looks
                self.fail(error)
            else:
                self.settle((value, None, None))

    def _settle_failed(self, error: BaseException) -> None:
        if self._recover is None:
            self.fail(error)
            return
        try:
            value = self._recover(error)
        except BaseException as other:  # noqa: BLE001  # it is settled with it
            self.fail(other)
        else:
            self.settle((value, None, None))


class _AllDone:
    """A callback for several replies that calls on once after the last of them."""

    def __init__(self, count: int, call: Callable[[], object]) -> None:
        self._left = list(range(count))
        self._last = list(range(1))
        self._call = call

    def __call__(self, _reply: Reply[Any]) -> None:
        self._left.pop()
        if not self._left:
            try:
                self._last.pop()
            except IndexError:  # another thread was the last one too
                return
            self._call()


def adapt(future: Any) -> Reply[Any]:
    """Return a reply that is settled as the foreign `future` is."""
    if isinstance(future, Reply):
        return future
    reply: Reply[Any] = Reply()
    if isinstance(future, Future):
        reply.set_get_hook(lambda timeout: future.get(timeout=timeout))
    elif isinstance(future, asyncio.Future):
        _follow_asyncio(future, reply)
    elif hasattr(future, "add_done_callback"):
        future.add_done_callback(lambda done: _copy_outcome(done, reply))
    else:
        raise TypeError(f"cannot adapt {future!r}: it is no future that this package knows")
    return reply


def _follow_asyncio(future: asyncio.Future[Any], reply: Reply[Any]) -> None:
    if future.done():  # its loop may be closed
        _copy_outcome(future, reply)
        return
    loop = future.get_loop()
    loop.call_soon_threadsafe(future.add_done_callback, lambda done: _copy_outcome(done, reply))


def _copy_outcome(done: Any, reply: Reply[Any]) -> None:
    if done.cancelled():
        reply.fail(ReplyCancelled("the future was cancelled"))
    elif (error := done.exception()) is not None:
        reply.fail(error)
    else:
        reply.settle((done.result(), None, None))


def _exception_of(
    exc_info: ExcInfo | BaseException | None,
) -> tuple[BaseException, TracebackType | None]:
    if isinstance(exc_info, BaseException):
        return exc_info, exc_info.__traceback__
    kind, error, traceback = exc_info or sys.exc_info()
    if kind is None:
        raise ValueError("no exception was given and none is being handled")
    return (kind() if error is None else error), traceback


def _log_unobserved(error: BaseException) -> None:
    logger.error("A request failed and nobody looked at its reply:", exc_info=error)
