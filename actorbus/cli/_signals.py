"""SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import trio

from actorbus.cli._exit_codes import ExitCode

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_AGAIN = b"second signal: ending at once; what was begun is taken back when its lease ends\n"


class StopRequest:
    """Set by the first signal; `name` is that signal's."""

    def __init__(self) -> None:
        self.name = ""
        self._asked = trio.Event()

    def ask(self, name: str) -> None:
        """Ask for the end. Called on the trio side."""
        self.name = name
        self._asked.set()

    async def wait(self) -> None:
        """Wait until a signal asked for the end."""
        await self._asked.wait()


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Take over both signals inside the block. Needs the main thread, and a trio run.

    The second signal is served in the signal handler itself, so that it works while a handler of
    the user's keeps the run loop busy.
    """
    request = StopRequest()
    token = trio.lowlevel.current_trio_token()
    received: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            os.write(2, _AGAIN)
            os._exit(ExitCode.SECOND_SIGNAL + number)
        token.run_sync_soon(request.ask, signal.Signals(number).name)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
