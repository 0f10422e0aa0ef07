"""The two services as processes: `actorbus run`, as it would be typed in two terminals."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

SECONDS_TO_STOP = 20


class ServiceEnded(Exception):
    """A service's process ended by itself; what it wrote says why."""


class Service:
    """One service's process; it can be killed, and started again."""

    def __init__(self, name: str, store: str, log: IO[bytes]) -> None:
        self.name = name
        self._store = store
        self._log = log
        self._process = self._started()

    def kill(self) -> None:
        """End it as a power cut would, in the middle of whatever it does."""
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """Start another process of the service."""
        self._process = self._started()

    def check(self) -> None:
        """Raise ServiceEnded if it is not running any more."""
        if self._process.poll() is not None:
            raise ServiceEnded(f"{self.name} ended with {self._process.returncode}")

    def ask_to_stop(self) -> None:
        """Have it finish what it has begun."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Wait until it has ended, kill it if it does not, and return its exit code."""
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.kill()
        return self._process.returncode

    def _started(self) -> subprocess.Popen[bytes]:
        app = f"examples.distributed.{self.name}:bus"
        return subprocess.Popen(  # noqa: S603  # our own interpreter and our own program
            [sys.executable, "-m", "actorbus", "run", app, "--log-level", "error"],
            env={**os.environ, "DISTRIBUTED_STORE": self._store},
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )


@contextmanager
def running(store: str, *names: str) -> Iterator[dict[str, Service]]:
    """Run these services; at the end they are asked to finish what they have begun.

    What they wrote is shown if one of them failed.
    """
    services: dict[str, Service] = {}
    with tempfile.TemporaryFile() as log:
        try:
            for name in names:
                services[name] = Service(name, store, log)
            yield services
        finally:
            for service in services.values():
                service.ask_to_stop()
            codes = [service.stop() for service in services.values()]
            if any(codes):
                log.seek(0)
                sys.stderr.write(log.read().decode(errors="replace"))
