"""What is wrong with a bus, or will be: looked up without handling anything."""

import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from actorbus._store import ProcessRow, QueueStatistics
from actorbus.consuming._pauses import Pause
from actorbus.operations._findings import Finding, Status
from actorbus.operations._stranded import stranded
from actorbus.stores._drivers import drivers

LEAST_SPACE: Final = 100_000_000
"""Bytes that should be free on the store's disk."""

CLOCK_STEP: Final = 1.0
"""Seconds by which a time may lie in the future before the clock is doubted."""

_LIBRARIES: Final = ("trio", "msgspec", "msgpack", "anyio", "uvloop")


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies in the store."""

    queues: Sequence[QueueStatistics]
    processes: Sequence[ProcessRow]
    """Those of others."""
    pauses: Sequence[Pause]
    now: float


def look_at_drivers() -> Iterator[Finding]:
    """Say what this process runs on."""
    for driver in drivers():
        text = f"{driver.name} {driver.version}"
        if driver.is_new_enough:
            yield Finding("drivers", Status.OK, text)
        else:
            yield Finding("drivers", Status.WRONG, f"{text}, and {driver.needed} is needed")
    found = [f"Python {platform.python_version()}", *filter(None, map(_installed, _LIBRARIES))]
    yield Finding("drivers", Status.OK, ", ".join(found))


def _installed(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def look_at_disk(path: Path) -> Finding:
    """Say how much room there is beside the store."""
    free = shutil.disk_usage(path.parent).free
    status = Status.OK if free >= LEAST_SPACE else Status.WARNING
    return Finding("disk", status, f"{free // 1_000_000:,} MB are free beside {path}")


def look_at_stored(stored: Stored) -> Iterator[Finding]:
    """Look at the processes, their clocks, and what waits for whom."""
    yield from _processes(stored)
    yield from _clocks(stored)
    for one in stranded(stored.queues, stored.processes):
        queue = one.queue
        text = f"{_backlog(queue)} messages of {queue.endpoint} on {queue.channel}: {one.reason}"
        yield Finding("messages", Status.WARNING, text)
    for pause in stored.pauses:
        what = pause.endpoint or pause.channel
        yield Finding("pauses", Status.WARNING, f"{what} is {pause}")
    dead = sum(queue.dead for queue in stored.queues)
    if dead:
        yield Finding("dead letters", Status.WARNING, f"{dead} wait to be replayed or deleted")


def _processes(stored: Stored) -> Iterator[Finding]:
    for row in stored.processes:
        name = f"process {row.pid} of {row.bus!r} on {row.host}"
        if row.alive:
            yield Finding("processes", Status.OK, f"{name} runs")
        else:
            text = f"{name} has ended without giving back what it had; others take it back"
            yield Finding("processes", Status.WARNING, text)
    if not any(row.alive for row in stored.processes):
        yield Finding("processes", Status.WARNING, "no process is running")


def _clocks(stored: Stored) -> Iterator[Finding]:
    ahead = [row.renewed_at - stored.now for row in stored.processes]
    oldest = [queue.oldest_enqueued_at for queue in stored.queues]
    ahead += [at - stored.now for at in oldest if at is not None]
    most = max(ahead, default=0.0)
    if most > CLOCK_STEP:
        text = f"times lie {most:.0f} s in the future: the clock was set back, delays end later"
        yield Finding("clocks", Status.WARNING, text)
    else:
        yield Finding("clocks", Status.OK, "no time lies in the future")


def _backlog(queue: QueueStatistics) -> int:
    return queue.ready + queue.waiting + queue.claimed + queue.parked
