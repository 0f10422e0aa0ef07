"""How a thread, a trio task or an asyncio task waits for a reply that any thread may settle."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from actors._activity import pause_coroutine_until
from actors._errors import BlockingCall

if TYPE_CHECKING:
    from actors._reply import Reply

logger = logging.getLogger("pykka")


def runs_a_loop() -> str | None:
    """Return which event loop this thread runs, if any."""
    if trio.lowlevel.in_trio_run():
        return "trio"
    return None if asyncio._get_running_loop() is None else "asyncio"


def refuse_to_block() -> None:
    """Raise if this thread runs an event loop.

    Raises:
        BlockingCall: it does

    """
    loop = runs_a_loop()
    if loop is not None:
        raise BlockingCall(
            f"this thread runs an event loop ({loop}), which a blocking wait would stop; "
            "write `await reply`, or `await ref.request(message)` in place of `ref.ask(message)`"
        )


def pass_gate(gate: threading.Lock, limit: float) -> bool:
    """Wait until the gate is open, at most `limit` seconds; return whether it was."""
    until = time.monotonic() + limit
    while (left := until - time.monotonic()) > 0:
        if gate.acquire(timeout=min(left, 3600.0)):  # a lock cannot wait for years
            return True
    return False


class TrioWaiter:
    """Wakes one trio task, from any thread."""

    __slots__ = ("_home", "_parked", "_task", "_token", "fired")

    def __init__(self) -> None:
        self._task = trio.lowlevel.current_task()
        self._token = trio.lowlevel.current_trio_token()
        self._home = threading.get_ident()
        self._parked = False
        self.fired = False

    def __call__(self, _reply: Reply[Any]) -> None:
        if threading.get_ident() == self._home:
            self._wake()
            return
        try:
            self._token.run_sync_soon(self._wake)
        except trio.RunFinishedError:
            logger.debug("A reply came after the trio run that waited for it had ended")

    def _wake(self) -> None:
        self.fired = True
        if self._parked:
            self._parked = False
            trio.lowlevel.reschedule(self._task)

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._parked = False
        return trio.lowlevel.Abort.SUCCEEDED

    def parked(self) -> Callable[[object], trio.lowlevel.Abort]:
        """Note that the task is about to wait; return what to give to trio."""
        self._parked = True
        return self._abort


async def resolve_in_trio(reply: Reply[Any]) -> None:
    """Wait for a reply under trio, at most until its deadline."""
    if reply._get_hook is not None:
        await trio.to_thread.run_sync(reply._resolve, None, abandon_on_cancel=True)
        return
    waiter = TrioWaiter()
    reply.add_done_callback(waiter)
    try:  # the waits are written out here, because a frame less counts
        if waiter.fired:
            pass
        elif reply._deadline is math.inf:
            await trio.lowlevel.wait_task_rescheduled(waiter.parked())
        else:
            with trio.move_on_after(max(0.0, reply._remaining())):
                await trio.lowlevel.wait_task_rescheduled(waiter.parked())
    except BaseException:
        if reply._forget(waiter) and reply._given_up_with_its_waiter:
            reply.cancel()
        raise
    if not waiter.fired:
        reply._forget(waiter)
    elif reply._outcome is None:
        await resolve_in_trio(reply)


class AsyncioWaiter:
    """Wakes one asyncio task, from any thread."""

    __slots__ = ("_loop", "arrived")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.arrived = self._loop.create_future()

    def __call__(self, _reply: Reply[Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._arrive)
        except RuntimeError:
            logger.debug("A reply came after the asyncio loop that waited for it was closed")

    def _arrive(self) -> None:
        if not self.arrived.done():
            self.arrived.set_result(None)

    async def park(self, limit: float) -> None:
        if limit is math.inf:
            await self.arrived
            return
        timer = self._loop.call_later(max(0.0, limit), self._arrive)
        try:
            await self.arrived
        finally:
            timer.cancel()


async def resolve_in_asyncio(reply: Reply[Any]) -> None:
    """Wait for a reply under asyncio, at most until its deadline."""
    if reply._get_hook is not None:
        await asyncio.get_running_loop().run_in_executor(None, reply._resolve, None)
        return
    waiter = AsyncioWaiter()
    pause = pause_coroutine_until(reply)
    reply.add_done_callback(waiter)
    try:
        await waiter.park(reply._remaining())
    except BaseException:
        pause.leave()
        if reply._forget(waiter) and reply._given_up_with_its_waiter:
            reply.cancel()
        raise
    pause.leave()
    reply._forget(waiter)
    if reply._get_hook is not None:
        await resolve_in_asyncio(reply)
