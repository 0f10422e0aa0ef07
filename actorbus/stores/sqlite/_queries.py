"""The named queries of `sql/sqlite/queries.sql`, and the scripts that make the tables."""

from typing import Final

from actorbus.stores import _sql

QUERIES: Final = _sql.queries("sqlite")
SCHEMA: Final = _sql.read("sqlite", "schema.sql")


def migrations() -> dict[int, str]:
    """Return the migration scripts (`migrations/0002_name.sql`) by the version they lead to."""
    return _sql.migrations("sqlite")
