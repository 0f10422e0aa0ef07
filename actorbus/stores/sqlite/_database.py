"""The database file: where it is, how it is opened, and whether it is still the same one."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from actorbus._store import StoreMissing, StoreRefused, StoreReplaced
from actorbus.stores.sqlite import _schema
from actorbus.stores.sqlite._errors import outage
from actorbus.stores.sqlite._options import SqliteOptions
from actorbus.stores.sqlite._session import Session, connect

_OLDEST_SQLITE: Final = (3, 37, 0)  # STRICT tables; RETURNING came before
_WAL_BYTES: Final = 64 * 1024 * 1024


class Database:
    """A database file and its identity, fixed when it is first opened.

    The blocking calls here may run on any thread, one at a time.
    """

    def __init__(self, path: str, options: SqliteOptions, wall: Callable[[], float]) -> None:
        self.path = path
        self._options = options
        self._wall = wall
        self.inode: tuple[int, int] | None = None
        """Device and inode of the file that is open."""
        self._store_id: str | None = None

    def open_writer(self) -> Session:
        """Connect for writing, and make or check the tables. The first time it may make the file.

        Raises StoreError; SQLITE_BUSY as StoreLocked, to be tried again.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreRefused(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 is the oldest")
        self._check_place()
        may_make_it = self._store_id is None and self._options.migrate == "auto"
        connection = self._connect("rwc" if may_make_it else "rw")
        try:
            return self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise outage(error, self.path) from error
        except BaseException:
            connection.close()
            raise

    def open_reader(self) -> Session:
        """Connect for reading. Raises StoreError."""
        self.check_identity()
        connection = self._connect("rw")
        try:
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            connection.close()
            raise outage(error, self.path) from error
        return Session(connection, self.inode)

    def open_beside(self) -> sqlite3.Connection:
        """Connect for one statement, on any thread, whatever the others do. Raises StoreError."""
        self.check_identity()
        connection = self._connect("rw")
        connection.execute(f"PRAGMA synchronous = {self._options.synchronous}")
        return connection

    def check_identity(self) -> None:
        """Raise StoreMissing if the file that was opened is no longer at its path."""
        try:
            status = os.stat(self.path)  # noqa: PTH116  called for each commit: Path costs more
        except OSError as error:
            raise StoreMissing(f"store {self.path} is gone ({error.strerror})") from error
        if (status.st_dev, status.st_ino) != self.inode:
            raise StoreMissing(f"store {self.path} is gone: another file has taken its place")

    def _check_place(self) -> None:
        folder = Path(self.path).parent
        if not folder.is_dir():
            raise StoreMissing(f"store {self.path} cannot be opened: no folder {str(folder)!r}")
        if Path(self.path).exists():
            return
        if self._store_id is not None:
            raise StoreMissing(f"store {self.path} is gone; waiting for it to come back")
        if self._options.migrate == "never":
            _schema.refuse_to_migrate(None, self.path)

    def _connect(self, mode: str) -> sqlite3.Connection:
        try:
            return connect(f"file:{quote(self.path)}?mode={mode}")
        except sqlite3.Error as error:
            raise outage(error, self.path) from error

    def _prepare(self, connection: sqlite3.Connection) -> Session:
        found = _schema.read(connection, self.path)
        _schema.check(found, self.path)
        self._check_same(found)
        if self._options.migrate == "never":
            _schema.refuse_to_migrate(found, self.path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._options.synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        if found is None or found.version < _schema.VERSION:
            found = self._write_schema(connection)
        self._remember(found)
        return Session(connection, self.inode)

    def _write_schema(self, connection: sqlite3.Connection) -> _schema.Schema:
        connection.execute("BEGIN IMMEDIATE")
        try:
            schema = _schema.prepare(connection, self.path, self._wall())
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return schema

    def _check_same(self, found: _schema.Schema | None) -> None:
        if self._store_id is None or (found and found.store_id == self._store_id):
            return
        raise StoreReplaced(
            f"store {self.path} is not the one that was opened here; put that one back, or"
            " restart the process to use this one"
        )

    def _remember(self, schema: _schema.Schema) -> None:
        status = Path(self.path).stat()
        self._store_id = schema.store_id
        self.inode = (status.st_dev, status.st_ino)
