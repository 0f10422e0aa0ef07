"""Make, check and migrate the tables. What is refused is left untouched.

Rules: (1) a database without our tables gets them, whatever else it holds; (2) a newer version is
refused; (3) an older one is migrated, one numbered script after the other, all in one
transaction; (4) without a script for each step it is refused, with nothing changed; (5) of several
processes that start at once one does it, and the others wait for it; (6) functions of another
actorbus beside tables of this version are replaced.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import asyncpg

from actorbus._store import NotAStore, SchemaTooNew, SchemaTooOld
from actorbus.stores.postgresql import _functions
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import SCHEMA, migrations

VERSION: Final = 2

_LOCK: Final = 7_234_017_283_807_667_300
"""Of nobody else's: an advisory lock that whoever makes the tables holds."""
LONGEST: Final = 3600.0
"""Seconds that a step of a migration may take, or somebody else's migration."""
_UNLIMITED: Final = """
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0
"""
_HAS_SCHEMA: Final = """
SELECT EXISTS (
    SELECT FROM pg_class
    WHERE relname = 'actorbus_schema' AND relnamespace = quote_ident(current_schema())::regnamespace
)
"""
_READ: Final = "SELECT version, store_id FROM actorbus_schema"
_WRITE: Final = """
INSERT INTO actorbus_schema (version, store_id, created_at, migrated_at)
VALUES ($1, $2, actorbus_now(), actorbus_now())
"""
_MIGRATE: Final = "UPDATE actorbus_schema SET version = $1, migrated_at = actorbus_now()"


class Schema(NamedTuple):
    """What a store says of its tables."""

    version: int
    store_id: str


async def read(connection: Connection, place: str) -> Schema | None:
    """Return the schema of a database, or None if it has no tables of ours. Reads only."""
    if not await connection.fetchval(_HAS_SCHEMA):
        return None
    try:
        rows = await connection.fetch(_READ)
        ((version, store_id),) = [tuple(row) for row in rows]
    except (asyncpg.UndefinedColumnError, asyncpg.WrongObjectTypeError, ValueError) as error:
        raise NotAStore(f"store {place}: table actorbus_schema is not ours ({error})") from error
    return Schema(version, store_id)


def check(schema: Schema | None, place: str, version: int = VERSION) -> None:
    """Raise SchemaTooNew if a newer version made the tables."""
    if schema is not None and schema.version > version:
        raise SchemaTooNew(
            f"store {place} has tables of version {schema.version}; this actorbus knows up to"
            f" version {version}. Update actorbus in this process; the tables were left as they are"
        )


def refuse_to_migrate(schema: Schema | None, place: str) -> Schema:
    """Return the schema; raise SchemaTooOld if there is none of this version."""
    check(schema, place)
    if schema is not None and schema.version >= VERSION:
        return schema
    what = "no tables yet" if schema is None else f"tables of version {schema.version}"
    raise SchemaTooOld(
        f"store {place} has {what}; this actorbus needs version {VERSION}, and migrate='never' says"
        " that start-up makes no changes. Run `actorbus store migrate`; nothing was changed"
    )


async def refuse_other_functions(connection: Connection, place: str) -> None:
    """Raise SchemaTooOld if the functions beside the tables are another actorbus's."""
    if not await _functions.are_ours(connection):
        raise SchemaTooOld(
            f"store {place} has functions of another actorbus, and migrate='never' says that"
            " start-up makes no changes. Run `actorbus store migrate`; nothing was changed"
        )


async def lock(connection: Any) -> None:
    """Be the only one to change the tables, for as long as it takes, until the transaction ends."""
    await connection.execute(_UNLIMITED)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=LONGEST)


async def prepare(
    connection: Any,
    place: str,
    schema_name: str = "",
    version: int = VERSION,
    scripts: Mapping[int, str] | None = None,
) -> Schema:
    """Make or migrate the tables in the caller's transaction, unless they are as they should be."""
    found = None if schema_name else await read(connection, place)
    check(found, place, version)
    if found is not None and found.version == version and await _functions.are_ours(connection):
        return found
    await lock(connection)
    if schema_name:
        quoted = schema_name.replace('"', '""')
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{quoted}"')
    return await _prepare_alone(connection, place, version, scripts or migrations())


async def _prepare_alone(
    connection: Any, place: str, version: int, scripts: Mapping[int, str]
) -> Schema:
    found = await read(connection, place)
    check(found, place, version)
    if found is None:
        return await _create(connection, version)
    if found.version < version:
        await _migrate(connection, place, found.version, version, scripts)
    elif not await _functions.are_ours(connection):
        await _functions.replace(connection, place)
    return Schema(version, found.store_id)


async def _create(connection: Any, version: int) -> Schema:
    await connection.execute(SCHEMA, timeout=LONGEST)
    schema = Schema(version, secrets.token_hex(16))
    await connection.execute(_WRITE, *schema)
    await _functions.make(connection)
    return schema


async def _migrate(
    connection: Any, place: str, start: int, end: int, scripts: Mapping[int, str]
) -> None:
    steps = range(start + 1, end + 1)
    missing = [step for step in steps if step not in scripts]
    if missing:
        raise SchemaTooOld(
            f"store {place} has tables of version {start}; this actorbus needs version {end} and"
            f" has no migration to version {missing[0]}. Run a version in between first"
        )
    for step in steps:
        await connection.execute(scripts[step], timeout=LONGEST)
    await _functions.make(connection)
    await connection.execute(_MIGRATE, end)
