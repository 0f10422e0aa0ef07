"""Background tasks of an actor instance: `self.context.start_soon(async_fn)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from actors._cancelled import to_be_judged

if TYPE_CHECKING:
    from actors._cell import Cell


class BackgroundTask:
    """One trio task beside an instance's handlers; its failure is the actor's."""

    __slots__ = ("_args", "_async_fn", "_cell", "_done", "_scope", "_stopping")

    def __init__(
        self, cell: Cell, async_fn: Callable[..., Awaitable[object]], args: tuple[Any, ...]
    ) -> None:
        self._cell = cell
        self._async_fn = async_fn
        self._args = args
        self._done = trio.Event()
        self._scope = trio.CancelScope()
        self._stopping = False

    def start(self, name: str) -> None:
        """Start it, or nothing if the system takes no more tasks. In the trio thread."""
        if not self._cell.system.start_task(self.run, name=name):
            self._done.set()

    @trio.lowlevel.enable_ki_protection  # Ctrl-C is for the body of the system, not for its parts
    async def run(self) -> None:
        """Run it; a failure is injected into the cell, a cancellation passes through."""
        try:
            with self._scope:
                await self._run()
        finally:
            if self._cell.tasks is not None:
                self._cell.tasks.discard(self)
            self._done.set()

    async def _run(self) -> None:
        try:
            await self._async_fn(*self._args)
        except BaseException as error:  # noqa: BLE001  # it becomes the actor's failure
            failure = to_be_judged(error, self._cell.path)
            self._cell.task_failed(failure, stopping=self._stopping)

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        self._stopping = True
        self._scope.cancel()
        await self._done.wait()


def start_task(
    cell: Cell,
    async_fn: Callable[..., Awaitable[object]],
    args: tuple[Any, ...],
    name: str | None,
) -> None:
    """Run a background task of the cell's instance. From any thread."""
    task = BackgroundTask(cell, async_fn, args)
    if cell.tasks is None:
        cell.tasks = set()
    cell.tasks.add(task)
    label = name or getattr(async_fn, "__name__", "task")
    cell.system.post(lambda: task.start(f"{cell.path}:{label}"))
