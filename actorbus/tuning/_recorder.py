"""Recording a running bus: `with bus.record(path):`, and who tells whom that it is over.

enter    the file is made; endpoints are watched from the bus's start on, or from now on
leave    they are watched no more, and the thread writes what waits and ends
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from actorbus._bus_events import RecordingEnded
from actorbus._errors import BusStateError
from actorbus.options._options import Seconds, as_seconds, is_count
from actorbus.tuning._tape import HEARD, Tape
from actorbus.tuning._trace_file import first_line
from actorbus.tuning._trace_writer import Bounds, Outcome, TraceWriter
from actors import ActorSystem, Reply

if TYPE_CHECKING:
    from actorbus._store import Store
    from actorbus.endpoints._watcher import Watcher
    from actorbus.endpoints._workload import Workload

LEAST_SIZE = 10_000
"""Bytes; a smaller limit would hold nothing but names."""


class Recorded(Protocol):
    """What has the endpoints that are watched."""

    def record(self, watcher_of: Callable[[Workload], Watcher] | None, /) -> None:
        """Have all endpoints watched from now on, new ones as well; None: not any more."""
        ...


class Seat(Protocol):
    """The bus that is recorded: there is one recording at a time."""

    def begin_recording(self, recorder: Recorder, /) -> None:
        """Have it attached, now or when the bus starts. Raises BusStateError."""
        ...

    def end_recording(self, recorder: Recorder, /) -> None:
        """Have it finished on the trio side. Does nothing for one that is not there."""
        ...


class Recorder:
    """A recording of a bus, in a trace file; a context manager, `with` and `async with`.

    It covers one run of the bus, or the part of one that lies within the block, and may end before
    it, at a limit or since the disk is full: `outcome` says how it ended.
    """

    def __init__(
        self, seat: Seat, name: str, path: Path, bounds: Bounds, *, overwrite: bool
    ) -> None:
        self.path = path
        self.outcome: Outcome | None = None
        self._seat = seat
        self._name = name
        self._overwrite = overwrite
        self._writer = TraceWriter(path, bounds, self._on_end)
        self._tape: Tape | None = None
        self._detach: Callable[[], None] = _nothing
        self._system: ActorSystem | None = None
        self._ended: Reply[Outcome] = Reply()
        self._pid = os.getpid()
        self._is_entered = False
        self._is_finished = False

    # -- its block --------------------------------------------------------------------------

    def __enter__(self) -> Self:
        from actorbus.consuming._consuming import runs_a_loop  # noqa: PLC0415  it imports this one

        if runs_a_loop():
            raise BusStateError(
                "this thread runs an event loop, which the end of a recording would stop;"
                " write `async with bus.record(...):`"
            )
        self._enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_of_this_process():
            self._seat.end_recording(self)
            self._ended.get()

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_of_this_process():
            self._seat.end_recording(self)
            await self._ended

    def _is_of_this_process(self) -> bool:
        """Whether it was not inherited by a fork; such a one is let go of, and goes on."""
        if self._pid == os.getpid():
            return True
        self._writer.abandon()
        return False

    def _enter(self) -> None:
        if self._is_entered:
            raise BusStateError("a recording is entered once; make another by bus.record(...)")
        self._writer.open(overwrite=self._overwrite)
        try:
            self._seat.begin_recording(self)
        except BaseException:
            self._writer.discard()
            raise
        self._pid = os.getpid()
        self._is_entered = True

    # -- on the trio side -------------------------------------------------------------------

    def attach(self, system: ActorSystem, store: Store, recorded: Recorded) -> None:
        """Begin to record; nothing, for one that has recorded a run before."""
        if self._is_finished:
            return
        self._system = system
        tape = self._tape = Tape(system.time, store.now)
        recorded.record(tape.track)
        tape.waiting.clear()  # the first line names the endpoints that there are
        subscription = system.events.subscribe(tape.hear, *HEARD)

        def detach() -> None:
            subscription.cancel()
            recorded.record(None)

        self._detach = detach
        self._writer.start(first_line(self._name, store.now(), tape.endpoints), tape)

    def finish(self) -> None:
        """Note nothing more, and let the thread write the rest. Never blocks."""
        if self._is_finished:
            return
        self._is_finished = True
        self._stop_watching()
        if self._tape is None:  # the bus did not run meanwhile
            self._tape = Tape(time.monotonic, time.time)
            self._writer.start(first_line(self._name, time.time(), {}), self._tape)
        self._tape.end()
        self._writer.stop()

    def _stop_watching(self) -> None:
        detach, self._detach = self._detach, _nothing
        detach()

    def _over(self, outcome: Outcome) -> None:
        """Tell that it has ended by itself."""
        self._stop_watching()
        system = self._system
        if system is not None:
            counts = outcome.events, outcome.dropped
            about = system.name, system.time(), str(self.path)
            event = RecordingEnded(*about, outcome.ending, *counts, outcome.error)
            system.events.publish(event)

    # -- on the writer's thread -------------------------------------------------------------

    def _on_end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if outcome.ending != "stopped" and self._system is not None:
            self._system.post_or_ignore(lambda: self._over(outcome))
        self._ended.set(outcome)


def bounds_of(for_: Seconds | None, max_events: int, max_size: int) -> tuple[Bounds, list[str]]:
    """Return what ends a recording, and what is wrong with it."""
    wrong = []
    seconds = None if for_ is None else as_seconds(for_)
    if for_ is not None and (seconds is None or seconds <= 0):
        wrong.append(f"for_={for_!r} is not allowed: give seconds above 0, or a timedelta")
    if not is_count(max_events):
        wrong.append(f"max_events={max_events!r} is not allowed: give a whole number of at least 1")
    if not is_count(max_size) or max_size < LEAST_SIZE:
        text = f"give bytes, a whole number of at least {LEAST_SIZE}"
        wrong.append(f"max_size={max_size!r} is not allowed: {text}")
    return Bounds(max_events, max_size, seconds), wrong


def _nothing() -> None:
    """Watch nothing."""
