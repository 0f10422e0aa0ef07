"""The thread that takes a recording's events off their tape and writes them to the file.

Rules:
 1. The bus never waits for it: while a disk stands still the tape fills, and counts the rest.
 2. What was written is whole lines, so that a killed process leaves a trace that can be read.
 3. The recording ends by itself at a limit, or when the file cannot be written; `on_end` hears it.
"""

import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from math import inf
from pathlib import Path
from typing import Final

from actorbus.tuning._tape import Tape
from actorbus.tuning._trace_file import Ending, dropped_line, event_lines, last_line

EVERY: Final = 0.2
"""Seconds between two looks at the tape: what a killed process may lose."""

AT_ONCE: Final = 1000
"""Events that are encoded together; the handlers' thread waits for so many at most."""

MOST_AT_END: Final = 400
"""Bytes that the last lines of a file may need."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What ends a recording by itself. `seconds` are None for no limit of time."""

    events: int
    size: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a recording ended, and what is in its file."""

    ending: Ending
    events: int
    dropped: int
    """Events that are missing, since the file could not be written as fast as they came."""
    bytes: int
    error: Exception | None = None
    """Why the file cannot be written any more."""


class TraceWriter:
    """Writes one file, from `start` until `stop`, a limit or an error of the disk's."""

    def __init__(self, path: Path, bounds: Bounds, on_end: Callable[[Outcome], None]) -> None:
        self._path = path
        self._bounds = bounds
        self._on_end = on_end
        self._until = inf
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"actorbus recording {path}", daemon=True
        )
        self._file: FileIO
        self._was_there = False
        self._first: bytes
        self._tape: Tape
        self._t = 0.0
        self._events = 0
        self._told = 0
        self._bytes = 0

    def open(self, *, overwrite: bool) -> None:
        """Open the file; one that is there is emptied by `start`. Raises OSError."""
        try:
            self._file = self._path.open("xb", buffering=0)
        except FileExistsError:
            if not overwrite:
                raise
            number = os.open(self._path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
            self._file = FileIO(number, "wb")
            self._was_there = True

    def discard(self) -> None:
        """Leave all as it was: remove the file, unless it was there."""
        self._file.close()
        if not self._was_there:
            self._path.unlink()

    def abandon(self) -> None:
        """Close the file in a process that was forked off: the thread and the file are not its."""
        self._file.close()

    def start(self, first: bytes, tape: Tape) -> None:
        """Begin to write, with a first line; then what is on the tape."""
        self._first, self._tape = first, tape
        if self._bounds.seconds is not None:
            self._until = time.monotonic() + self._bounds.seconds
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and the end. Returns at once; `on_end` is called on the thread."""
        self._stopping.set()

    # -- on the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        ending: Ending = "failed"
        error: Exception | None = None
        try:
            with self._file:
                ending = self._write()
                self._put(self._end(ending))
        except Exception as failed:  # noqa: BLE001  told as how the recording ended
            ending, error = "failed", failed
        self._tape.is_over = True
        self._tape.waiting.clear()
        self._on_end(Outcome(ending, self._events, self._tape.dropped, self._bytes, error))

    def _write(self) -> Ending:
        if self._was_there and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate()
        self._put(self._first)
        while True:
            is_last = self._stopping.wait(min(EVERY, max(0.0, self._until - time.monotonic())))
            if not self._empty():
                return "limit"
            if is_last:
                return "stopped"
            if time.monotonic() >= self._until:
                return "limit"

    def _empty(self) -> bool:
        """Write what waits now; False if a limit was reached."""
        waiting = len(self._tape.waiting)
        while waiting > 0:
            batch = [self._tape.waiting.popleft() for _ in range(min(waiting, AT_ONCE))]
            waiting -= len(batch)
            if not self._put_within(batch):
                return False
        return self._tell_dropped()

    def _put_within(self, batch: list[tuple[object, ...] | bytes]) -> bool:
        """Write a batch as far as the limits let it be; False if they cut it off."""
        lines, count = _encoded(batch, self._bounds.events - self._events)
        whole = count == len(batch)
        room = self._bounds.size - MOST_AT_END - self._bytes
        if len(lines) > room:
            lines = lines[: lines.rfind(b"\n", 0, max(0, room)) + 1]
            count, whole = lines.count(b"\n"), False
        self._put(lines)
        self._note(batch[:count])
        return whole and self._events < self._bounds.events

    def _note(self, written: list[tuple[object, ...] | bytes]) -> None:
        events = [one for one in written if isinstance(one, tuple)]
        self._events += len(events)
        if events:
            self._t = max(self._t, float(events[-1][0]))  # type: ignore[arg-type]  # an event begins with its time

    def _tell_dropped(self) -> bool:
        new = self._tape.dropped - self._told
        if new:
            self._told += new
            self._put(dropped_line(self._t, new))
        return self._bytes < self._bounds.size - MOST_AT_END

    def _end(self, ending: Ending) -> bytes:
        t = max(self._t, self._tape.time_at_end)
        return last_line(t, ending, events=self._events, dropped=self._told)

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self._bytes += len(data)


def _encoded(batch: list[tuple[object, ...] | bytes], most: int) -> tuple[bytes, int]:
    """Return the lines of a batch with at most so many events, and how many of it they are."""
    parts: list[bytes] = []
    events: list[tuple[object, ...]] = []
    count = 0
    for one in batch:
        if isinstance(one, bytes):
            parts += [event_lines(events), one]
            events = []
        elif most > 0:
            events.append(one)
            most -= 1
        else:
            break
        count += 1
    parts.append(event_lines(events))
    return b"".join(parts), count
