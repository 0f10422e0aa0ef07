"""Workers: processes of their own which consume the bus of this example."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

APP = "examples.flights.app:bus"
SECONDS_TO_STOP = 20


def start_worker(store: str) -> subprocess.Popen[bytes]:
    """Start a worker on a store. What it logs goes to this program's stderr."""
    command = [sys.executable, "-m", "actorbus", "run", APP, "--log-level", "error"]
    return subprocess.Popen(  # noqa: S603  # our own interpreter and our own program
        command, env={**os.environ, "FLIGHTS_STORE": store}, stdout=subprocess.DEVNULL
    )


@contextmanager
def workers(store: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run this many workers; at the end they are asked to finish what they have begun."""
    running = [start_worker(store) for _ in range(count)]
    try:
        yield running
    finally:
        for worker in running:
            worker.send_signal(signal.SIGTERM)
        for worker in running:
            stop(worker)


def stop(worker: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, and kill it if it does not."""
    try:
        worker.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
