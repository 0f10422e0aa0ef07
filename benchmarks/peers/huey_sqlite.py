"""Huey on its SQLite storage with fsync: tasks that were enqueued before the clock starts.

Two figures bound Huey from above. With `empty` the task does nothing, so what is measured is
Huey alone; with `insert` the task writes one row, without a commit of its own. Huey takes a task
off its queue before running it, so a crash loses what was running (at most once), and results
are not stored: a weaker guarantee than the bus gives, and less work. One worker thread is its
best on two cores, so that is what it gets.
"""

import logging
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

from huey import SqliteHuey

from benchmarks._process import report


def main(folder: Path, messages: int, effect: str, workers: int = 1) -> None:
    logging.getLogger("huey").setLevel(logging.ERROR)
    huey = SqliteHuey("bench", filename=str(folder / "huey.db"), fsync=True, results=False)
    counter = _Counter(folder, messages, effect)
    task = huey.task()(counter)
    _enqueue(huey, task, messages)
    _consume(huey, counter.done, workers)
    seconds = counter.last - counter.first
    report(messages=messages, seconds=seconds, rate=messages / seconds, settled_after_ms=0.0)


class _Counter:
    """The task: notes that it ran, and writes its row if asked to."""

    __name__ = "count"

    def __init__(self, folder: Path, messages: int, effect: str) -> None:
        self.done = threading.Event()
        self.effects = _effects(folder) if effect == "insert" else None
        self.lock = threading.Lock()
        self.left = messages
        self.first = self.last = 0.0

    def __call__(self, number: int) -> None:
        with self.lock:
            self.last = time.perf_counter()
            self.first = self.first or self.last
            if self.effects is not None:
                self.effects.execute("INSERT INTO effects VALUES (?, ?)", (number, "done"))
            self.left -= 1
            if not self.left:
                self.done.set()


def _effects(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        folder / "effects.db", isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE effects (number INTEGER, note TEXT)")
    connection.execute("BEGIN")
    return connection


def _enqueue(huey: Any, task: Any, messages: int) -> None:
    """Fill the queue in one transaction, which Huey itself does not offer."""
    rows = ((huey.name, huey.serialize_task(task.s(number)), 0) for number in range(messages))
    with huey.storage.db(commit=True) as cursor:
        cursor.executemany("INSERT INTO task (queue, data, priority) VALUES (?, ?, ?)", rows)


def _consume(huey: Any, done: threading.Event, workers: int) -> None:
    consumer = huey.create_consumer(workers=workers, periodic=False, initial_delay=0.001)
    consumer.start()
    done.wait()
    consumer.stop(graceful=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
