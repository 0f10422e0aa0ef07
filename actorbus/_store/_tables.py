"""The tables of a store as those who deploy it see them: their version, what is pending, sizes."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec


class TableSize(msgspec.Struct, frozen=True, kw_only=True):
    """One of our tables."""

    name: str
    rows: int
    """Counted by SQLite; on PostgreSQL its own estimate."""
    dead_rows: int | None = None
    """Rows that vacuum has not removed yet; None where there is nothing of the kind."""
    bytes: int | None = None
    """With its indexes; None if the database cannot say."""


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in a database of ours, read without changing anything."""

    store: str
    """Names the place of the data, without a password."""
    found: int | None
    """The version of the tables; None: there are none."""
    wanted: int
    """The version that this actorbus works with."""
    store_id: str | None = None
    created_at: float | None = None
    migrated_at: float | None = None
    """Unix time at which the version was reached."""
    pending: tuple[str, ...] = ()
    """The scripts that a migration would run, in their order."""
    tables: tuple[TableSize, ...] = ()
    bytes: int = 0
    """All of the database, the user's tables included."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """What `migrate` did."""

    before: int | None
    """The version that it found; None: there were no tables."""
    after: int
    scripts: tuple[str, ...]
    """What it ran, in this order; empty if there was nothing to do."""


@runtime_checkable
class Connected(Protocol):
    """A store on a database server."""

    def connection_statistics(self) -> Mapping[str, int | str | bool]:
        """Say what goes on between this process and the server, by name. While it is open."""
        ...


@runtime_checkable
class Migrating(Protocol):
    """A store whose tables have versions. Both are to be called while it is not open."""

    async def tables(self) -> Tables:
        """Say what is there. Changes nothing, and makes no file.

        Raises StoreUnavailable, NotAStore, StoreCorrupt.
        """
        ...

    async def migrate(self) -> Migration:
        """Make the tables, or bring them to the version that is wanted, in one transaction.

        Safe with any number of processes at once: one does it, the others wait and find it done.
        Raises SchemaTooNew and SchemaTooOld, with nothing changed, and what `tables` raises.
        """
        ...
