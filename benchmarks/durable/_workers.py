"""Processes of a probe that go on until they are told to stop, or are killed."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks._process import ROOT, MeasurementFailed

READY = "ready"
LIMIT = 60.0


class Line(NamedTuple):
    """What a worker said, and when that was read here."""

    at: float
    text: str


class Worker:
    """`python -m module arguments`: says `ready`, then what it does, a line each.

    It stops in good order when its standard input ends.
    """

    def __init__(self, module: str, *arguments: object, python: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [str(python or sys.executable), "-m", module, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._said: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            self._said.put(Line(time.monotonic(), text.strip()))
        self._said.put(None)

    def next_line(self, timeout: float = LIMIT) -> Line | None:
        """Return what it says next; None when it has ended. Raises MeasurementFailed in the end."""
        try:
            return self._said.get(timeout=timeout)
        except queue.Empty as error:
            raise MeasurementFailed(f"a worker said nothing for {timeout:g} s") from error

    def until_ready(self) -> None:
        line = self.next_line()
        if line is None or line.text != READY:
            raise MeasurementFailed(f"a worker said {line} instead of {READY!r}")

    def go(self) -> None:
        """Let it begin, where it waits for that."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def kill(self) -> float:
        """SIGKILL; return when."""
        self._process.kill()
        at = time.monotonic()
        self._process.wait()
        return at

    def rest(self) -> Iterator[Line]:
        """Give what else it said, after `kill` or `stop`."""
        while (line := self.next_line()) is not None:
            yield line

    def stop(self) -> None:
        """Let it end in good order."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait(LIMIT) != 0:
            raise MeasurementFailed(f"a worker ended with code {self._process.returncode}")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@contextmanager
def workers(
    count: int, module: str, *arguments: object, python: Path | None = None
) -> Iterator[list[Worker]]:
    """Give workers that are ready; whatever happens, none is left."""
    started = [Worker(module, *arguments, python=python) for _ in range(count)]
    try:
        for worker in started:
            worker.until_ready()
        yield started
    finally:
        for worker in started:
            worker.close()
