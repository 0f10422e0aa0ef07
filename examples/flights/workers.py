"""Workers: processes of their own which consume the bus of this example."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from examples.flights.app import Topics

APP = "examples.flights.app:bus"
SECONDS_TO_STOP = 20


def start_worker(
    store: str,
    log: IO[bytes] | None = None,
    *,
    topics: Topics | None = None,
    gateway_outage: float = 0.0,
) -> subprocess.Popen[bytes]:
    """Start a worker on a store. It writes to `log`, or to this program's stderr."""
    where = {"FLIGHTS_STORE": store, "FLIGHTS_GATEWAY_OUTAGE": str(gateway_outage)}
    if topics is not None:
        where |= {"FLIGHTS_BROKER": topics.servers, "FLIGHTS_TOPICS": topics.prefix}
    return subprocess.Popen(  # noqa: S603  # our own interpreter and our own program
        [sys.executable, "-m", "actorbus", "run", APP, "--log-level", "error"],
        env=os.environ | where,
        stdout=subprocess.DEVNULL,
        stderr=log,
    )


@contextmanager
def workers(
    store: str, count: int, *, topics: Topics | None = None, gateway_outage: float = 0.0
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run this many workers; at the end they are asked to finish what they have begun.

    What they wrote is shown if one of them failed.
    """
    with tempfile.TemporaryFile() as log:
        running = [
            start_worker(store, log, topics=topics, gateway_outage=gateway_outage)
            for _ in range(count)
        ]
        try:
            yield running
        finally:
            for worker in running:
                worker.send_signal(signal.SIGTERM)
            for worker in running:
                stop(worker)
            if any(worker.returncode for worker in running):
                log.seek(0)
                sys.stderr.write(log.read().decode(errors="replace"))


def stop(worker: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, and kill it if it does not."""
    try:
        worker.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
