"""Where a system lives: in the caller's trio run, or in a trio run of its own in a thread."""

from __future__ import annotations

import threading
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import trio

from actors._reply import Reply

if TYPE_CHECKING:
    from actors._system import ActorSystem


class InTrio:
    """In the caller's trio run: a nursery around the body, with the kernel as its child."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._manager: AbstractAsyncContextManager[trio.Nursery] = trio.open_nursery()
        self._nursery: trio.Nursery | None = None
        self._ended = trio.Event()

    @trio.lowlevel.enable_ki_protection
    async def start(self) -> None:
        """Start the kernel; Ctrl-C meanwhile ends it again, and is raised."""
        self._nursery = await self._manager.__aenter__()
        started = trio.Event()
        self._nursery.start_soon(self._run, started, name=f"{self._system.name}: kernel")
        interrupt = await _wait_for(started)
        if interrupt is not None:
            self._system.stop()
            await self.finish()
            raise interrupt

    @trio.lowlevel.enable_ki_protection
    async def _run(self, started: trio.Event) -> None:
        try:
            await self._system.kernel(started.set)
        finally:
            started.set()
            self._ended.set()

    def cancel_body(self) -> None:
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    @trio.lowlevel.enable_ki_protection
    async def finish(self) -> None:
        """Wait for the kernel, then close the nursery, which has nothing left to wait for.

        A second Ctrl-C changes nothing but what is raised: the end has its time limit.
        """
        interrupt = await _wait_for(self._ended)
        if interrupt is not None:
            self._system.interrupted(interrupt)
        while self._nursery is not None and self._nursery.child_tasks:
            await trio.lowlevel.cancel_shielded_checkpoint()
        await self._manager.__aexit__(None, None, None)


async def _wait_for(event: trio.Event) -> KeyboardInterrupt | None:
    """Wait for what takes a bounded time; return the Ctrl-C that came meanwhile."""
    interrupt = None
    with trio.CancelScope(shield=True):
        while not event.is_set():
            try:
                await event.wait()
            except KeyboardInterrupt as error:
                interrupt = error
    return interrupt


class InThread:
    """A system with a trio run of its own, in a thread."""

    def __init__(self, system: ActorSystem, *, daemon: bool) -> None:
        self._system = system
        self._started: Reply[None] = Reply()
        self._started._observed = True
        self._thread = threading.Thread(
            target=self._run, name=f"actors-{system.name}-trio", daemon=daemon
        )

    def start(self) -> None:
        self._thread.start()

    def wait_started(self) -> None:
        """Wait on any thread, one that runs an event loop too: it takes no time."""
        if not self._started.done:
            self._started._wait_on_thread(None)
        self._started.get()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            trio.run(
                self._system.kernel,
                lambda: self._started.settle((None, None, None)),
                clock=self._system._given_clock,
                restrict_keyboard_interrupt_to_checkpoints=True,
            )
        except BaseException as error:  # noqa: BLE001  # raised to whoever enters or leaves
            if not self._started.fail(error):
                self._system._failure = error
