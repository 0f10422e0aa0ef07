"""One server process: started, looked at, signalled with all that it started, ended."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.services._keeper import Keeper
from tests.services._trees import kill_tree, signal_tree, started_at

PATIENCE = 60.0
"""Seconds that a server has to start or stop; a net under waits that end with an event."""


class CannotStart(Exception):
    """A service that the tests need does not start. The text says why and what helps."""


class ServerProcess:
    """A process with a folder of its own, which keeps its data from one start to the next.

    Every signal goes to the process and all below it, so that `kill` leaves no part of it running.
    """

    def __init__(self, name: str, folder: Path, keeper: Keeper) -> None:
        self.name = name
        self.folder = folder
        self._keeper = keeper
        self._process: subprocess.Popen[bytes] | None = None
        if unprivileged():
            shutil.chown(folder, **owner())

    @property
    def running(self) -> bool:
        """Whether the process is there, also when it is paused."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the last start has written so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, command: Sequence[str | Path], ready: Callable[[], bool]) -> None:
        """Start the command and wait until `ready()`."""
        assert not self.running, f"{self.name} runs already"
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **as_unprivileged(),
            )
        self._keeper.keep(self.pid, started_at(self.pid))
        self._wait(ready)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it as its operators would, by this signal to the process alone."""
        if self.running:
            self.resume()
            os.kill(self.pid, number)
            self._ended(number)

    def kill(self) -> None:
        """Kill it and all that it started at once, by SIGKILL."""
        if self.running:
            kill_tree(self.pid)
            self._ended(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it and all that it started in their tracks; connections stay open."""
        signal_tree(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        signal_tree(self.pid, signal.SIGCONT)

    def remove(self) -> None:
        """Kill it and remove its folder; that it is gone already is fine."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if not self.running or time.monotonic() > deadline:
                reason = "does not answer" if self.running else "ended"
                self.kill()
                raise CannotStart(f"{self.name} {reason} in {self.folder}:\n{self.log[-3000:]}")
            time.sleep(0.02)

    def _ended(self, number: int) -> None:
        assert self._process is not None
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            kill_tree(self.pid)
            raise AssertionError(
                f"{self.name} did not end within {PATIENCE} s of signal {number}"
            ) from None
        finally:
            self._keeper.forget(self.pid)


def run(command: Sequence[str | Path], **options: Any) -> None:
    """Run a step of a server's set-up, as the user that the server will have."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        raise CannotStart(f"{command[0]} failed:\n{done.stdout[-3000:]}")


def unprivileged() -> bool:
    """Whether servers run as another user: PostgreSQL and PgBouncer refuse to run as root."""
    return os.geteuid() == 0


def owner() -> dict[str, Any]:
    """Return the user and group that servers have when root starts them."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid}
    raise CannotStart("root cannot run PostgreSQL, and has neither a user postgres nor nobody")


def as_unprivileged() -> dict[str, Any]:
    """Return the options of a sub-process that make it run so."""
    return {**owner(), "extra_groups": []} if unprivileged() else {}
