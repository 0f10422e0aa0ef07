"""One asyncio loop in a thread of its own: an anyio blocking portal (uvloop where installed)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import threading
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import anyio
import anyio.from_thread

T = TypeVar("T")


class AsyncioSide(NamedTuple):
    """An asyncio loop, and the thread that it runs on."""

    thread: int
    loop: asyncio.AbstractEventLoop

    @classmethod
    def here(cls) -> AsyncioSide:
        """Return those of the caller."""
        return cls(threading.get_ident(), asyncio.get_running_loop())


class Portal:
    """Made and ended on a thread that may block; ended once."""

    def __init__(self) -> None:
        """Start the thread and its loop."""
        uvloop = importlib.util.find_spec("uvloop") is not None
        self._manager = anyio.from_thread.start_blocking_portal(
            "asyncio", {"use_uvloop": uvloop}, name="actors-asyncio"
        )
        self._portal = self._manager.__enter__()
        self._guard: asyncio.Task[object] | None = None
        self.side: AsyncioSide | None = None
        """Its thread and loop, once it runs."""
        self._portal.start_task_soon(self._stand_by)

    async def _stand_by(self) -> None:
        """Be a task that nobody cancels but a loop that ends."""
        self._guard = asyncio.current_task()
        self.side = AsyncioSide.here()
        await anyio.sleep_forever()

    @property
    def is_lost(self) -> bool:
        """Whether the loop has ended, or is ending: asyncio does so when a task raises SystemExit.

        From any thread; true before the end of any task that is cancelled by it can be seen.
        """
        return self._guard is not None and self._guard.cancelling() > 0

    def submit(self, call: Callable[[], Awaitable[T]]) -> concurrent.futures.Future[T]:
        """Start a task. Cancelling the future cancels the task.

        Raises:
            RuntimeError: the loop has ended

        """
        return self._portal.start_task_soon(call)

    def end(self) -> None:
        """Cancel what still runs, and wait for the thread."""
        if not self.is_lost:
            self._portal.call(self._portal.stop, True)  # True: cancel what remains
        self._manager.__exit__(None, None, None)


async def outcome(
    call: Callable[[], Awaitable[T]],
) -> tuple[T | None, BaseException | None]:
    """Return what it returned or raised: a task that raises SystemExit would end the loop.

    If cancelled: it passes through. A CancelledError that nobody asked for is an outcome.
    """
    try:
        return await call(), None
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return None, error
    except BaseException as error:  # noqa: BLE001  # raised on the trio side
        return None, error
