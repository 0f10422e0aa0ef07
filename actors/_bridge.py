"""Between the system's trio run and the others: pool threads, and one asyncio thread.

The asyncio side is the caller's loop when the system was entered under asyncio, else an anyio
blocking portal in a thread of its own (on uvloop where that is installed), started when first used.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import trio

from actors._activity import Activity, Flight, on_asyncio
from actors._portal import AsyncioSide, Portal, outcome
from actors._reply import Reply
from actors._threads import Job, ThreadPool

if TYPE_CHECKING:
    from actors._cell import Cell

T = TypeVar("T")

logger = logging.getLogger("pykka")

PATIENCE: Final = 5.0
"""Seconds that a cancelled asyncio task has to end before it is left behind."""


class Bridge:
    """See the module. All methods but `stop_portal` are for the trio thread."""

    def __init__(self, threads: ThreadPool) -> None:
        self._threads = threads
        self._portal: Portal | None = None
        self._starting = trio.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.callers: AsyncioSide | None = None
        """The loop that the system was entered from, with its thread."""
        self.activity: Activity | None = None
        """Counts what runs beside trio, if the clock wants to know."""

    @property
    def asyncio_side(self) -> AsyncioSide | None:
        """Where the system's asyncio handlers run, if there is such a place yet; any thread."""
        portal = self._portal
        return self.callers or (None if portal is None else portal.side)

    async def in_thread(self, cell: Cell, function: Callable[..., T], *args: Any) -> T:
        """Call a hook of an actor on one of its threads, in the context that they share.

        If cancelled because the actor is to be replaced: it waits for the thread, so that no two
        instances run at once. At the actor's end, and the system's, the thread is left behind.
        """
        context = cell.context_of_thread()
        submit = self._counted((cell.workers or self._threads).submit)
        return await call_in_thread(submit, context, function, args, lambda: cell.is_ending)

    async def call(self, function: Callable[..., T], args: tuple[Any, ...], *, abandon: bool) -> T:
        """Call a function on a pooled thread, in a copy of the current context."""
        context = contextvars.copy_context()
        submit = self._counted(self._threads.submit)
        return await call_in_thread(submit, context, function, args, lambda: abandon)

    def _counted(self, submit: Callable[[Job], None]) -> Callable[[Job], None]:
        activity = self.activity
        return submit if activity is None else lambda job: submit(activity.flying(job))

    @contextlib.contextmanager
    def flight(self) -> Iterator[Flight | None]:
        """Count something beside trio, while it is done, for a clock that jumps."""
        if self.activity is None:
            yield None
            return
        flight = Flight(self.activity)
        try:
            yield flight
        finally:
            flight.end()

    async def run(
        self,
        async_fn: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        context: contextvars.Context | None,
    ) -> T:
        """Run a coroutine function on the asyncio side.

        If cancelled: the asyncio task is cancelled, and awaited for at most `PATIENCE` seconds.
        """
        with self.flight() as flight:
            if self.loop is None and (self._portal is None or self._portal.is_lost):
                await self._start_portal()

            async def call() -> T:
                on_asyncio.set(flight)
                return await async_fn(*args, **kwargs)

            return await self._run(call, context or contextvars.copy_context())

    async def _run(self, call: Callable[[], Awaitable[T]], context: contextvars.Context) -> T:
        future = self._submit(lambda: outcome(call), context)
        done = trio.Event()
        token = trio.lowlevel.current_trio_token()
        future.add_done_callback(lambda _: _set_soon(token, done))
        try:
            await done.wait()
        except trio.Cancelled:
            future.cancel()
            with trio.move_on_after(PATIENCE, shield=True):
                await done.wait()
            raise
        try:
            value, error = future.result()
        except concurrent.futures.CancelledError:  # not asked for here: the loop ends, or a mistake
            raise asyncio.CancelledError("its asyncio task was cancelled from outside") from None
        if error is not None:
            raise error
        return cast("T", value)

    def _submit(
        self, call: Callable[[], Awaitable[T]], context: contextvars.Context
    ) -> concurrent.futures.Future[T]:
        if self.loop is None and self._portal is not None:
            return context.run(self._portal.submit, call)
        if self.loop is None:
            raise RuntimeError("the asyncio side has ended")
        return context.run(asyncio.run_coroutine_threadsafe, call(), self.loop)  # type: ignore[arg-type]  # it is a coroutine

    async def _start_portal(self) -> None:
        async with self._starting:
            lost = self._portal if self._portal is not None and self._portal.is_lost else None
            if lost is not None:
                logger.error("A task ended the asyncio loop; it begins anew")
                self._portal = None
                await trio.to_thread.run_sync(lost.end)
            if self._portal is None:
                self._portal = await trio.to_thread.run_sync(Portal)

    async def stop_portal(self) -> None:
        """End the asyncio thread, if there is one; what still runs there is cancelled."""
        portal, self._portal = self._portal, None
        if portal is not None:
            with self.flight():
                await trio.to_thread.run_sync(portal.end, abandon_on_cancel=True)


def _set_soon(token: trio.lowlevel.TrioToken, event: trio.Event) -> None:
    try:
        token.run_sync_soon(event.set)
    except trio.RunFinishedError:
        return  # nobody is left to be told


async def call_in_thread(
    submit: Callable[[Callable[[], None]], None],
    context: contextvars.Context,
    function: Callable[..., T],
    args: tuple[Any, ...],
    may_abandon: Callable[[], bool],
) -> T:
    """Call a function on a thread and wait.

    If cancelled: if it may abandon it, what it returns is dropped when it comes, and it does not
    begin if it has not; else it waits for the thread.
    """
    reply: Reply[T] = Reply()
    ended: Reply[None] = Reply()
    reply._observed = True

    def job() -> None:
        try:
            if not reply.done:
                reply.settle((context.run(function, *args), None, None))
        except BaseException as error:  # noqa: BLE001  # raised where it is awaited
            reply.fail(error)
        finally:
            ended.settle((None, None, None))

    submit(job)
    try:
        return await reply
    except trio.Cancelled:
        if may_abandon():
            reply.cancel()
        else:
            with trio.CancelScope(shield=True):
                await ended
        raise
