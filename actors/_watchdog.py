"""Says when something blocks the event loop: a handler that sleeps, computes or waits for a lock.

A thread looks at the trio thread's stack now and then, which costs the run nothing. Where it finds
a task at work it asks the run to call back. If that has not come at LOOKS further looks, and the
same task is there, then that task blocks the loop.

Rules: (1) a run that waits is never asked, so that no clock takes the watchdog for activity;
       (2) looks are counted, and not the time, so that a suspended process accuses nobody.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Final

from actors._events import LoopBlocked
from actors._frames import users_part

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


class Watchdog:
    """Watches the trio run of a system, from `start` until `stop`.

    What blocks it for `blocked_after` seconds of real time, and up to a quarter more, is one
    warning of logger `actors` and one event.
    """

    def __init__(self, system: ActorSystem, blocked_after: float) -> None:
        self._system = system
        self._stride = blocked_after / LOOKS
        self._watched = threading.get_ident()
        self._ended = threading.Event()
        self._step: Step | None = None
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
            self.look(stack_of_task(sys._current_frames().get(self._watched)))

    def look(self, stack: Sequence[FrameType]) -> None:
        """Take the stack of the task at work, outermost frame first; empty if the run waits."""
        step = self._step
        if not stack:
            self._step = None
        elif step is None or step.task is not stack[0]:
            self._step = step = Step(stack[0])
            self._system.post_or_ignore(step.end)
        else:
            step.looks += 1
            if step.looks == LOOKS:
                self._report(stack, time.monotonic() - step.since)

    def _report(self, stack: Sequence[FrameType], seconds: float) -> None:
        system = self._system
        path = path_of(stack) or system.name
        text = "".join(
            traceback.StackSummary.extract(
                (frame, frame.f_lineno) for frame in users_part(stack, system.runtime_code)
            ).format()
        )
        logger.warning(
            "%s has blocked the event loop for %.1f s, and everything else waits. Await what it"
            " waits for, or write a plain `def`, which runs on a thread. It is in\n%s",
            path,
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


def path_of(stack: Sequence[FrameType]) -> str | None:
    """Return the path of the actor whose task this is."""
    for frame in stack:
        if str(frame.f_globals.get("__name__", "")).startswith("actors."):
            names = frame.f_locals
            cell = names.get("cell") or getattr(names.get("self"), "_cell", None)
            if cell is not None:
                return str(cell.path)
    return None
