"""One worker process, as its parent sees it: start it, have a call answered, end it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import trio

from actors import _process_worker
from actors._process_call import main_module
from actors._process_worker import BEGUN, HEADER, LENGTH, LOADED

logger = logging.getLogger("pykka")

PATIENCE: Final = 5.0
"""Seconds that the kernel has to end a process that was killed, before it is left behind."""


class Gone(Exception):  # caught in `_processes`, which tells it as WorkerDied
    """The worker has died; `begun` says whether it had begun the call."""

    def __init__(self, worker: Worker, *, begun: bool) -> None:
        super().__init__(worker, begun)
        self.worker = worker
        self.begun = begun


class Worker:
    """See the module. The pipe's ends are this process's alone: when it dies, the worker ends."""

    __slots__ = ("_ends", "_popen", "_requests", "_results", "idle_since")

    def __init__(self) -> None:
        """Start it. Blocks for some milliseconds, so it is for a thread.

        Raises:
            OSError, RuntimeError: it cannot be started

        """
        self.idle_since = 0.0
        with ExitStack() as theirs, ExitStack() as ours:
            requests, self._requests = _pipe(theirs, ours)
            self._results, results = _pipe(ours, theirs)
            self._popen = subprocess.Popen(  # noqa: S603  # this interpreter, and our own program
                _command(requests, results), stdin=subprocess.DEVNULL, pass_fds=(requests, results)
            )
            self._ends = ours.pop_all()
        self._introduce()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._results, False)

    def _introduce(self) -> None:
        setup = json.dumps({"path": sys.path, "argv": sys.argv, "main": main_module()}).encode()
        rest = memoryview(LENGTH.pack(len(setup)) + setup)
        try:
            while rest:
                rest = rest[os.write(self._requests, rest) :]
        except BrokenPipeError:  # it has died already, which the first call finds out
            logger.debug("Worker process %s died before it was told anything", self.pid)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return self._popen.returncode

    async def answer(self, frame: bytes, loaded: Callable[[], object]) -> tuple[bytes, bytes]:
        """Hand it a call, and return what its answer is and the body.

        `loaded` is called when its module has been imported, and the function begins.

        If cancelled: the pipes are in between, so it has to be ended.

        Raises:
            Gone: it has died

        """
        begun = False
        try:
            await _send(self._requests, frame)
            while True:
                kind, length = HEADER.unpack(await _receive(self._results, HEADER.size))
                body = await _receive(self._results, length)
                if kind == LOADED:
                    loaded()
                elif kind != BEGUN:
                    return kind, body
                begun = True
        except (BrokenPipeError, EOFError):
            raise Gone(self, begun=begun) from None

    async def end(self, grace: float, limiter: trio.CapacityLimiter) -> None:
        """End it: by the end of its pipe if it has `grace` seconds, else by SIGKILL; reap it."""
        self._ends.close()
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._reap, grace, limiter=limiter)

    def _reap(self, grace: float) -> None:
        try:
            self._popen.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            self._popen.kill()
        try:
            self._popen.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            logger.exception("Worker process %s does not end, although it was killed", self.pid)

    def kill(self) -> None:
        """End it at once; blocks until it has ended."""
        self._ends.close()
        self._reap(0.0)

    def forget(self) -> None:
        """Close a forked child's copies of the pipes."""
        self._ends.close()
        self._popen.poll()  # it is no child of this process: note that, so that nothing warns


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    reader.callback(os.close, ends[0])
    writer.callback(os.close, ends[1])
    return ends


def _command(requests: int, results: int) -> list[str]:
    program = _process_worker.__file__
    if not sys.executable or not Path(program).is_file():
        raise RuntimeError(f"no worker process can be started: {sys.executable=}, {program=}")
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return [sys.executable, *flags, "-P", program, str(requests), str(results)]


async def _send(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(descriptor)


async def _receive(descriptor: int, size: int) -> bytes:
    """Return as many bytes. Raises EOFError."""
    data = bytearray()
    while len(data) < size:
        try:
            part = os.read(descriptor, min(size - len(data), 1 << 20))
        except BlockingIOError:
            await trio.lowlevel.wait_readable(descriptor)
            continue
        if not part:
            raise EOFError
        data += part
    return bytes(data)
