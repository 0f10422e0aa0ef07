"""The functions beside the tables: whether a database has those of this actorbus.

Rules: (1) their text is known by a digest, which is noted in `actorbus_schema`; (2) whoever opens
the store and finds others replaces all of them, in one transaction and under the migrations' lock;
(3) who runs already leaves them alone, so that two releases do not take turns at it.
"""

import hashlib
import logging
from typing import Any, Final

from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import FUNCTIONS

SCRIPT: Final = "functions.sql"
DIGEST: Final = hashlib.sha256(FUNCTIONS.encode()).hexdigest()[:16]
LONGEST: Final = 3600.0
"""Seconds that it may take: somebody's statement may still be inside one of them."""

_READ: Final = "SELECT to_jsonb(about) ->> 'functions' FROM actorbus_schema AS about"
_DROP: Final = r"""
DO $$
DECLARE
    one REGPROCEDURE;
BEGIN
    FOR one IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = quote_ident(current_schema())::regnamespace
          AND proname LIKE 'actorbus\_%' AND proname <> 'actorbus_now'
    LOOP
        EXECUTE 'DROP FUNCTION ' || one;
    END LOOP;
END $$
"""
_ADD_COLUMN: Final = "ALTER TABLE actorbus_schema ADD COLUMN IF NOT EXISTS functions TEXT"
_NOTE: Final = "UPDATE actorbus_schema SET functions = $1"

_log = logging.getLogger("actorbus.store")


async def are_ours(connection: Connection) -> bool:
    """Whether the functions are those of this actorbus. Reads only; the tables have to be there."""
    return bool(await connection.fetchval(_READ) == DIGEST)


async def make(connection: Any) -> None:
    """Make them in place of whatever functions of that name are there, and note which they are."""
    await connection.execute(_DROP, timeout=LONGEST)
    await connection.execute(FUNCTIONS, timeout=LONGEST)
    await connection.execute(_ADD_COLUMN, timeout=LONGEST)
    await connection.execute(_NOTE, DIGEST)


async def replace(connection: Any, place: str) -> None:
    """Make them, and log that there were others."""
    await make(connection)
    _log.info("store %s: its functions were of another actorbus; they are replaced", place)
