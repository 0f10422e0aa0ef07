"""Says when something blocks the event loop: a handler that sleeps, computes or waits for a lock.

A thread looks at the trio thread's stack now and then, which costs the run nothing. Where it finds
a task at work it asks the run to call back. If that has not come at LOOKS further looks, and the
same task is there, then that task blocks the loop.

The asyncio side is watched in the same way, for the handlers that run there.

Rules: (1) a run that waits is never asked, so that no clock takes the watchdog for activity;
       (2) looks are counted, and not the time, so that a suspended process accuses nobody;
       (3) on a loop that is the program's own, only what the system runs there is reported.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Final

from actors._events import LoopBlocked
from actors._frames import users_part
from actors._portal import outcome

if TYPE_CHECKING:
    from actors._system import ActorSystem

logger = logging.getLogger("actors")

LOOKS: Final = 4
"""Looks, after the first one, at which a task is found in the same step before it is reported."""


class Step:
    """What a task does until the run calls back."""

    __slots__ = ("looks", "since", "task")

    def __init__(self, task: FrameType) -> None:
        self.task: FrameType | None = task
        self.looks = 0
        self.since = time.monotonic()

    def end(self) -> None:
        """Note that the run came back; keep nothing of the task alive. In the trio thread."""
        self.task = None


class Looks:
    """Looks at the task at work on one loop, and reports one that stays in the same step.

    `call_back` has the loop call a function; `report` is told the stack and the seconds.
    """

    def __init__(
        self,
        call_back: Callable[[Callable[[], object]], object],
        report: Callable[[Sequence[FrameType], float], object],
    ) -> None:
        self._call_back = call_back
        self._report = report
        self._step: Step | None = None

    def look(self, stack: Sequence[FrameType]) -> None:
        """Take the stack of the task at work, outermost frame first; empty if the loop waits."""
        step = self._step
        if not stack:
            self._step = None
        elif step is None or step.task is not stack[0]:
            self._step = step = Step(stack[0])
            self._call_back(step.end)
        else:
            step.looks += 1
            if step.looks == LOOKS:
                self._report(stack, time.monotonic() - step.since)


class Watchdog:
    """Watches the trio run of a system, and its asyncio side, from `start` until `stop`.

    What blocks one of them for `blocked_after` seconds of real time, and up to a quarter more, is
    one warning of logger `actors` and one event.
    """

    def __init__(self, system: ActorSystem, blocked_after: float) -> None:
        self._system = system
        self._stride = blocked_after / LOOKS
        self._watched = threading.get_ident()
        self._ended = threading.Event()
        self._trio = Looks(system.post_or_ignore, self._report)
        self._asyncio = Looks(self._post_to_asyncio, self._report_on_asyncio)
        self.look = self._trio.look
        self._thread = threading.Thread(
            target=self._watch, name=f"actors-{system.name}-watchdog", daemon=True
        )

    def start(self) -> None:
        """Begin. In the trio thread."""
        self._thread.start()

    def stop(self) -> None:
        """End; a subscriber of the event that blocks is not waited for. In the trio thread."""
        self._ended.set()
        self._thread.join(timeout=1.0)

    def _watch(self) -> None:
        while not self._ended.wait(self._stride):
            self._look_at_threads()

    def _look_at_threads(self) -> None:
        """Look once. No frame is kept afterwards: it would keep what its function had in hand."""
        frames = sys._current_frames()
        self.look(stack_of_task(frames.get(self._watched)))
        if (side := self._system.bridge.asyncio_side) is not None:
            self._asyncio.look(stack_on_asyncio(frames.get(side.thread)))

    def _post_to_asyncio(self, function: Callable[[], object]) -> None:
        side = self._system.bridge.asyncio_side
        if side is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                side.loop.call_soon_threadsafe(function)

    def _report(self, stack: Sequence[FrameType], seconds: float) -> None:
        users = users_part(stack, self._system.runtime_code)
        self._tell(path_of(stack) or self._system.name, "event", users, seconds)

    def _report_on_asyncio(self, stack: Sequence[FrameType], seconds: float) -> None:
        users = users_part(stack, self._system.runtime_code)
        path = path_of(stack) or f"{self._system.name}/{name_of(users[0])}"
        self._tell(path, "asyncio", users, seconds)

    def _tell(self, path: str, loop: str, users: Sequence[FrameType], seconds: float) -> None:
        system = self._system
        text = "".join(
            traceback.StackSummary.extract((frame, frame.f_lineno) for frame in users).format()
        )
        logger.warning(
            "%s has blocked the %s loop for %.1f s, and everything else waits. Await what it"
            " waits for, or write a plain `def`, which runs on a thread. It is in\n%s",
            path,
            loop,
            seconds,
            text.rstrip(),
        )
        system.count(LoopBlocked)
        system.events.publish(LoopBlocked(path, system.time(), seconds, text))


def stack_of_task(frame: FrameType | None) -> Sequence[FrameType]:
    """Return the frames of the task at work on a thread, outermost first; none if it waits."""
    frames: list[FrameType] = []
    while frame is not None and frame.f_code.co_name != "unrolled_run":  # trio's loop itself
        frames.append(frame)
        frame = frame.f_back
    return [] if frame is None else frames[::-1]


def stack_on_asyncio(frame: FrameType | None) -> Sequence[FrameType]:
    """Return the frames of what the system runs on an asyncio loop; none if it is not at work."""
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        if frame.f_code is outcome.__code__:
            return frames[::-1]
        frame = frame.f_back
    return []


def name_of(frame: FrameType) -> str:
    """Return the name of a function, as the id of a handler has it."""
    module = frame.f_globals.get("__name__", "")
    return f"{module}.{frame.f_code.co_qualname.replace('<locals>.', '')}"


def path_of(stack: Sequence[FrameType]) -> str | None:
    """Return the path of the actor whose task this is."""
    for frame in stack:
        if str(frame.f_globals.get("__name__", "")).startswith("actors."):
            names = frame.f_locals
            cell = names.get("cell") or getattr(names.get("self"), "_cell", None)
            if cell is not None:
                return str(cell.path)
    return None
