"""Make, check and migrate the tables. What is refused is left untouched.

Rules: (1) a database without our tables gets them, whatever else it holds; (2) a newer version is
refused; (3) an older one is migrated, one numbered script after the other, all in one transaction;
(4) without a script for each step it is refused, with nothing changed.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from actorbus._store import NotAStore, SchemaTooNew, SchemaTooOld
from actorbus.stores.sqlite._queries import QUERIES, SCHEMA, migrations

VERSION: Final = 4


class Schema(NamedTuple):
    """What a store says of its tables."""

    version: int
    store_id: str


def read(connection: sqlite3.Connection, path: str) -> Schema | None:
    """Return the schema of a database, or None if it has no tables of ours. Reads only."""
    if connection.execute(QUERIES["has_schema"]).fetchone() is None:
        return None
    try:
        rows = connection.execute(QUERIES["read_schema"]).fetchall()
        ((version, store_id),) = rows
    except (sqlite3.OperationalError, ValueError) as error:
        raise NotAStore(f"store {path}: table actorbus_schema is not ours ({error})") from error
    return Schema(version, store_id)


def check(schema: Schema | None, path: str, version: int = VERSION) -> None:
    """Raise SchemaTooNew if a newer version made the tables."""
    if schema is not None and schema.version > version:
        raise SchemaTooNew(
            f"store {path} has tables of version {schema.version}; this actorbus knows up to"
            f" version {version}. Update actorbus in this process; the file was left as it is"
        )


def refuse_to_migrate(schema: Schema | None, path: str) -> None:
    """Raise SchemaTooOld if there are no tables of this version, which start-up is not to make."""
    if schema is not None and schema.version >= VERSION:
        return
    what = "no tables yet" if schema is None else f"tables of version {schema.version}"
    raise SchemaTooOld(
        f"store {path} has {what}; this actorbus needs version {VERSION}, and migrate='never' says"
        " that start-up makes no changes. Run `actorbus store migrate`; nothing was changed"
    )


def prepare(
    connection: sqlite3.Connection,
    path: str,
    now: float,
    version: int = VERSION,
    scripts: Mapping[int, str] | None = None,
) -> Schema:
    """Make or migrate the tables, within the caller's write transaction; return the schema."""
    schema = read(connection, path)
    check(schema, path, version)
    if schema is None:
        return _create(connection, now, version)
    if schema.version < version:
        _migrate(connection, path, schema.version, version, scripts or migrations())
        connection.execute(QUERIES["migrate_schema"], (version, now))
    return Schema(version, schema.store_id)


def statements(script: str) -> Iterator[str]:
    """Split a script into its statements, so that they run inside one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _create(connection: sqlite3.Connection, now: float, version: int) -> Schema:
    for statement in statements(SCHEMA):
        connection.execute(statement)
    schema = Schema(version, secrets.token_hex(16))
    connection.execute(QUERIES["write_schema"], (*schema, now, now))
    return schema


def _migrate(
    connection: sqlite3.Connection, path: str, start: int, end: int, scripts: Mapping[int, str]
) -> None:
    steps = range(start + 1, end + 1)
    missing = [step for step in steps if step not in scripts]
    if missing:
        raise SchemaTooOld(
            f"store {path} has tables of version {start}; this actorbus needs version {end} and"
            f" has no migration to version {missing[0]}. Run a version in between first"
        )
    for step in steps:
        for statement in statements(scripts[step]):
            connection.execute(statement)
