"""One connection to the database, with what a turn or a snapshot needs of it.

A session is used by one holder at a time, on the event loop's thread or on the store's, never on
both at once. Statements run under a limit, which SQLite looks at every few thousand steps.
"""

import sqlite3
from collections.abc import Iterable
from time import monotonic
from typing import Final

from actorbus._store import Parameters, Result, Row
from actorbus.stores.sqlite._guard import Guard
from actorbus.stores.sqlite._placeholders import Translations

STATEMENTS: Final = 512
"""Prepared statements that a connection keeps."""
_STEPS: Final = 2000
"""Steps of SQLite's machine between two looks at the clock: well under a millisecond."""
_SLOW: Final = 0.005
"""A statement that took longer than this runs on the store's thread until it is quick there."""
_SLOW_KNOWN: Final = 256
_SIZES: Final = tuple(
    getattr(sqlite3, name) for name in dir(sqlite3) if name.startswith("SQLITE_LIMIT_")
)
"""What a connection may be told about the sizes of statements and values."""

translate_placeholders: Final = Translations()


class Session:
    """A connection, its guard, and the texts of its own statements."""

    def __init__(self, connection: sqlite3.Connection, inode: tuple[int, int] | None) -> None:
        self.connection = connection
        self.inode = inode
        self.cursor = connection.cursor()
        self.guard = Guard()
        self.slow: set[str] = set()
        self._limit = float("inf")
        self._lent = False
        name = self.guard.savepoint
        self._begin_immediate = f"/* {name} */ BEGIN IMMEDIATE"
        self._begin = f"/* {name} */ BEGIN"
        self._commit = f"/* {name} */ COMMIT"
        self._rollback = f"/* {name} */ ROLLBACK"
        self._savepoint = f"SAVEPOINT {name}"
        self._release = f"RELEASE {name}"
        self._undo = f"ROLLBACK TO {name}"
        self.cursor.row_factory = None
        self._sizes = [(size, connection.getlimit(size)) for size in _SIZES]
        self._set_up()

    # -- transactions -----------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; an error may have ended it."""
        return self.connection.in_transaction

    def begin_immediate(self) -> None:
        """Begin to write; raises SQLITE_BUSY at once if another program does."""
        with self.guard.unlocked():
            self.cursor.execute(self._begin_immediate)

    def begin(self) -> None:
        """Begin to read."""
        with self.guard.unlocked():
            self.cursor.execute(self._begin)

    def commit(self) -> None:
        """Commit."""
        with self.guard.unlocked():
            self.cursor.execute(self._commit)

    def rollback(self) -> None:
        """Undo the whole transaction, if there still is one."""
        if self.connection.in_transaction:
            with self.guard.unlocked():
                self.cursor.execute(self._rollback)

    def savepoint(self) -> None:
        """Open a savepoint, inside those that are open."""
        self.cursor.execute(self._savepoint)

    def release(self) -> None:
        """Keep what the innermost savepoint covers."""
        self.cursor.execute(self._release)

    def undo(self) -> None:
        """Undo and close the innermost savepoint."""
        self.cursor.execute(self._undo)
        self.cursor.execute(self._release)

    def close(self) -> None:
        """Close the connection; an open transaction is undone."""
        self.connection.close()

    # -- a user's statements ----------------------------------------------------------------

    def execute(self, sql: str, parameters: Parameters, limit: float) -> Result:
        """Run a statement that may take `limit` seconds."""
        started = self._start(limit)
        cursor = self.connection.execute(translate_placeholders(sql), parameters)
        if cursor.description is not None:
            cursor.fetchall()  # a RETURNING clause: all of it must run
        self._note_pace(sql, monotonic() - started)
        return Result(cursor.rowcount, cursor.lastrowid)

    def executemany(self, sql: str, parameters: Iterable[Parameters], limit: float) -> Result:
        """Run a statement for each of `parameters`."""
        self._start(limit)
        cursor = self.connection.executemany(translate_placeholders(sql), parameters)
        return Result(cursor.rowcount, cursor.lastrowid)

    def fetch(self, sql: str, parameters: Parameters, limit: float) -> list[Row]:
        """Return all rows."""
        started = self._start(limit)
        rows: list[Row] = self.connection.execute(
            translate_placeholders(sql), parameters
        ).fetchall()
        self._note_pace(sql, monotonic() - started)
        return rows

    def lend(self) -> sqlite3.Connection:
        """Return the connection for a handler's own use, which may change its settings."""
        self._lent = True
        return self.connection

    def unlimited(self) -> None:
        """Let the store's own statements take their time, under the connection's own settings."""
        self._limit = float("inf")
        if self._lent:
            self._set_up()

    def returned(self) -> None:
        """Undo what a handler has set on the connection that was lent to it."""
        if self._lent:
            self._set_up()
            self._lent = False

    def _set_up(self) -> None:
        connection = self.connection
        connection.row_factory = sqlite3.Row
        connection.text_factory = str
        connection.set_authorizer(self.guard)
        connection.set_progress_handler(self._over_limit, _STEPS)
        connection.set_trace_callback(None)
        for size, value in self._sizes:
            connection.setlimit(size, value)

    def _start(self, limit: float) -> float:
        started = monotonic()
        self._limit = started + limit
        return started

    def _over_limit(self) -> int:
        return monotonic() > self._limit

    def _note_pace(self, sql: str, took: float) -> None:
        """Remember slow statements; forget one that was quick, since a busy machine slows all."""
        if took <= _SLOW:
            self.slow.discard(sql)
            return
        if len(self.slow) >= _SLOW_KNOWN:
            self.slow.clear()
        self.slow.add(sql)


def connect(uri: str) -> sqlite3.Connection:
    """Open a connection that nobody's thread owns and that leaves transactions to us."""
    connection: sqlite3.Connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS,
        timeout=0,
    )
    return connection
