"""The version of a file's tables and how it changes, asked by those who deploy. Blocking calls."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from actorbus._store import Migration, StoreMissing, Tables, TableSize
from actorbus.stores import _sql
from actorbus.stores.sqlite import _schema
from actorbus.stores.sqlite._errors import outage
from actorbus.stores.sqlite._queries import QUERIES, migrations
from actorbus.stores.sqlite._session import connect

_BESIDE: Final = ("", "-wal", "-shm")


def tables(path: str, version: int = _schema.VERSION) -> Tables:
    """Say what lies in a file, which may be missing. Changes nothing."""
    if not Path(path).exists():
        missing = _sql.pending("sqlite", None, version)
        return Tables(store=path, found=None, wanted=version, pending=missing)
    try:
        with closing(connect(f"file:{quote(path)}?mode=rw")) as connection:
            connection.execute("PRAGMA query_only = ON")
            return _tables(connection, path, version)
    except sqlite3.Error as error:
        raise outage(error, path) from error


def migrate(
    path: str,
    now: float,
    lock_timeout: float,
    version: int = _schema.VERSION,
    scripts: Mapping[int, str] | None = None,
) -> Migration:
    """Make or migrate the tables of a file, which is made if its folder is there."""
    if not Path(path).parent.is_dir():
        folder = str(Path(path).parent)
        raise StoreMissing(f"store {path} cannot be opened: no folder {folder!r}")
    try:
        with closing(connect(f"file:{quote(path)}?mode=rwc")) as connection:
            connection.execute(f"PRAGMA busy_timeout = {round(lock_timeout * 1000)}")
            return _migrate(connection, path, now, version, scripts or migrations())
    except sqlite3.Error as error:
        raise outage(error, path) from error


def _tables(connection: sqlite3.Connection, path: str, version: int) -> Tables:
    schema = _schema.read(connection, path)
    size = sum(_bytes(Path(path + ending)) for ending in _BESIDE)
    if schema is None:
        missing = _sql.pending("sqlite", None, version)
        return Tables(store=path, found=None, wanted=version, pending=missing, bytes=size)
    created_at, migrated_at = connection.execute(QUERIES["schema_times"]).fetchone()
    return Tables(
        store=path,
        found=schema.version,
        wanted=version,
        store_id=schema.store_id,
        created_at=created_at,
        migrated_at=migrated_at,
        pending=_sql.pending("sqlite", schema.version, version),
        tables=tuple(_sizes(connection)),
        bytes=size,
    )


def _sizes(connection: sqlite3.Connection) -> list[TableSize]:
    names = [name for (name,) in connection.execute(QUERIES["our_tables"]).fetchall()]
    return [TableSize(name=name, rows=_rows(connection, name)) for name in names]


def _rows(connection: sqlite3.Connection, name: str) -> int:
    sql = f"SELECT count(*) FROM {name}"
    (count,) = connection.execute(sql).fetchone()
    return int(count)


def _migrate(
    connection: sqlite3.Connection,
    path: str,
    now: float,
    version: int,
    scripts: Mapping[int, str],
) -> Migration:
    _schema.check(_schema.read(connection, path), path, version)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = _schema.read(connection, path)
        _schema.prepare(connection, path, now, version, scripts)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    found = None if before is None else before.version
    return Migration(before=found, after=version, scripts=_sql.pending("sqlite", found, version))


def _bytes(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
