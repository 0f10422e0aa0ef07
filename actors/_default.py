"""The default system: `MyActor.start()`, Pykka's way, from any plain thread.

It starts on demand, keeps the process alive while it has actors, and ends one second after its last
one, or at once when the main thread has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import trio
from pykka import ActorDeadError, ActorRegistry

from actors._actor import Actor
from actors._ref import ActorRef
from actors._system import ActorSystem

LINGER: Final = 1.0
CAPACITY: Final = 1_000_000

_lock = threading.Lock()
_current: ActorSystem | None = None


def start(
    factory: Callable[..., Actor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> ActorRef[Any]:
    """Spawn an actor in the default system, and register it."""
    while True:
        system = default_system()
        try:
            cell = system.root.make(factory, args, kwargs, None)
        except ActorDeadError:
            if system.is_running and not system.root.closed:
                raise  # it comes from `__init__`
            _forget(system)
            continue
        ActorRegistry.register(cell.ref)
        cell.begin()
        return cell.ref


def default_system() -> ActorSystem:
    """Return the default system, started if there is none that runs."""
    global _current  # noqa: PLW0603  # the one piece of global state: Pykka's `start()` names no system
    with _lock:
        if _current is None or not _current.is_running or _current.root.closed:
            system = ActorSystem("pykka")
            system.is_default = True
            system.enter_thread(daemon=False)
            system.run(_end_when_idle, system)._observed = True
            _current = system
        return _current


def _forget(system: ActorSystem) -> None:
    global _current  # noqa: PLW0603  # as above
    with _lock:
        if _current is system:
            _current = None


def after_fork() -> None:
    """Let a forked child begin without one."""
    global _current, _lock  # as above
    _current, _lock = None, threading.Lock()


async def _end_when_idle(system: ActorSystem) -> None:
    while True:
        await system.until_idle()
        deadline = trio.current_time() + LINGER
        while not system.root.cells:
            over = trio.current_time() >= deadline or not threading.main_thread().is_alive()
            if over and not system.root.close_if_empty():
                system.stop()
                return
            await trio.sleep(LINGER / 20)
        await trio.sleep(LINGER / 20)  # where actors come and go, not each of them wakes this task
