"""The named queries of `sql/postgresql/queries*.sql`, and the scripts that make the tables."""

from typing import Final

from actorbus.stores import _sql

QUERIES: Final = _sql.queries("postgresql")
SCHEMA: Final = _sql.read("postgresql", "schema.sql")
FUNCTIONS: Final = _sql.read("postgresql", "functions.sql")


def migrations() -> dict[int, str]:
    """Return the migration scripts (`migrations/0002_name.sql`) by the version they lead to."""
    return _sql.migrations("postgresql")
