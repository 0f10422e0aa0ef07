"""The version of a database's tables and how it changes, asked by those who deploy."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from actorbus._store import Migration, Tables, TableSize
from actorbus.stores import _sql
from actorbus.stores.postgresql import _functions, _schema
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES


async def tables(connection: Connection, place: str, version: int = _schema.VERSION) -> Tables:
    """Say what lies in a database. Changes nothing."""
    schema = await _schema.read(connection, place)
    size = await connection.fetchval(QUERIES["database_size"])
    found = None if schema is None else schema.version
    missing = await _pending(connection, schema, version)
    about = Tables(store=place, found=found, wanted=version, pending=missing, bytes=size)
    if schema is None:
        return about
    created_at, migrated_at = await _times(connection)
    sizes = await connection.fetch(QUERIES["table_sizes"])
    return replace(
        about,
        store_id=schema.store_id,
        created_at=created_at,
        migrated_at=migrated_at,
        tables=tuple(TableSize(**dict(row)) for row in sizes),
    )


async def migrate(
    connection: Any,
    place: str,
    schema_name: str = "",
    version: int = _schema.VERSION,
    scripts: Mapping[int, str] | None = None,
) -> Migration:
    """Make or migrate the tables, in the caller's transaction."""
    await _schema.lock(connection)
    before = await _schema.read(connection, place)
    done = await _pending(connection, before, version)
    await _schema.prepare(connection, place, schema_name, version, scripts)
    found = None if before is None else before.version
    return Migration(before=found, after=version, scripts=done)


async def _pending(
    connection: Connection, found: _schema.Schema | None, version: int
) -> tuple[str, ...]:
    """Return the names of the scripts that a migration runs."""
    if found is None or found.version != version or await _functions.are_ours(connection):
        return _sql.pending("postgresql", None if found is None else found.version, version)
    return (_functions.SCRIPT,)


async def _times(connection: Connection) -> tuple[float, float]:
    ((created_at, migrated_at),) = await connection.fetch(QUERIES["schema_times"])
    return created_at, migrated_at
