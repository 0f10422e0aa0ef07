"""The ceiling: a bare loop over SQLite doing the same statements in batches, and nothing else.

Per message: savepoint, insert the effect, delete the message, release. WAL, synchronous=FULL, one
commit per batch. `bare` has a two-column table of messages and knows their numbers; `store` works
on the bus's own table, filled by the bus, and reads each batch before it, as any consumer must.
"""

import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks._process import report

MESSAGES = "actorbus_messages"  # the bus's table


def main(path: Path, messages: int, kind: str, batch: int = 100) -> None:
    connection = _connect(path)
    if kind == "bare":
        _fill(connection, messages)
    batches = _numbers(messages, batch) if kind == "bare" else _read(connection, batch)
    table = "bare" if kind == "bare" else MESSAGES
    start = time.perf_counter()
    done, last = 0, start
    for numbers in batches:
        last = _handle(connection, table, numbers)
        done += len(numbers)
    settled = time.perf_counter()
    if done != messages:
        raise SystemExit(f"handled {done} messages instead of {messages}")
    seconds = last - start
    after = (settled - last) * 1000
    report(messages=done, seconds=seconds, rate=done / seconds, settled_after_ms=after)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS effects (number INTEGER, note TEXT)")
    return connection


def _fill(connection: sqlite3.Connection, messages: int) -> None:
    connection.execute("CREATE TABLE bare (sequence INTEGER PRIMARY KEY, body BLOB)")
    connection.execute("BEGIN")
    rows = ((number, b"x" * 100) for number in range(messages))
    connection.executemany("INSERT INTO bare VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def _numbers(messages: int, batch: int) -> Iterator[Sequence[int]]:
    for first in range(0, messages, batch):
        yield range(first, min(messages, first + batch))


def _read(connection: sqlite3.Connection, batch: int) -> Iterator[Sequence[int]]:
    query = f"SELECT sequence, body, headers FROM {MESSAGES} ORDER BY sequence LIMIT ?"
    while rows := connection.execute(query, (batch,)).fetchall():
        yield [row[0] for row in rows]


def _handle(connection: sqlite3.Connection, table: str, numbers: Sequence[int]) -> float:
    """Handle a batch; return when its last message began."""
    began = 0.0
    execute = connection.execute
    delete = f"DELETE FROM {table} WHERE sequence = ?"
    execute("BEGIN IMMEDIATE")
    for number in numbers:
        if number == numbers[-1]:
            began = time.perf_counter()
        execute("SAVEPOINT message")
        execute("INSERT INTO effects (number, note) VALUES (?, ?)", (number, "done"))
        execute(delete, (number,))
        execute("RELEASE message")
    execute("COMMIT")
    return began


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
