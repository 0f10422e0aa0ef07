"""What is said of a file's tables, and how they are migrated by those who deploy."""

import sqlite3
from contextlib import closing

import pytest

from actorbus._store import (
    Migrating,
    SchemaTooNew,
    SchemaTooOld,
    StoreError,
    StoreMissing,
    StoreRefused,
)
from actorbus.stores import open_store
from actorbus.stores.sqlite import SqliteOptions, SqliteStore, _schema, _tables
from actorbus.stores.sqlite._queries import SCHEMA
from actorbus.testing import process

NEXT = _schema.VERSION + 1
SCRIPTS = {NEXT: "CREATE TABLE actorbus_later (name TEXT);"}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "shop.db")


def test_of_a_file_that_is_missing_is_said_what_would_be_made(path, tmp_path):
    found = _tables.tables(path)

    assert (found.found, found.wanted, found.pending) == (None, _schema.VERSION, ("schema.sql",))
    assert list(tmp_path.iterdir()) == []


def test_a_migration_makes_the_tables_and_a_second_one_finds_nothing_to_do(path):
    first, second = (_tables.migrate(path, 7.0, 1.0) for _ in range(2))
    found = _tables.tables(path)

    assert (first.before, first.after, first.scripts) == (None, _schema.VERSION, ("schema.sql",))
    assert (second.before, second.scripts) == (_schema.VERSION, ())
    assert (found.found, found.pending, found.migrated_at) == (_schema.VERSION, (), 7.0)
    assert {one.name: one.rows for one in found.tables}["actorbus_schema"] == 1
    assert found.bytes > 0


def test_tables_are_brought_to_a_version_that_comes_later(path):
    """As the next release will do it."""
    _tables.migrate(path, 7.0, 1.0)
    before = _tables.tables(path, NEXT)
    done = _tables.migrate(path, 8.0, 1.0, NEXT, SCRIPTS)
    found = _tables.tables(path, NEXT)

    assert len(before.pending) == 1
    assert (done.before, done.after) == (_schema.VERSION, NEXT)
    assert (found.found, found.pending, found.created_at, found.migrated_at) == (NEXT, (), 7.0, 8.0)
    assert "actorbus_later" in {one.name for one in found.tables}


def test_tables_that_are_too_new_are_shown_and_left_as_they_are(path):
    _tables.migrate(path, 7.0, 1.0)
    _tables.migrate(path, 8.0, 1.0, NEXT, SCRIPTS)

    assert (_tables.tables(path).found, _tables.tables(path).pending) == (NEXT, ())
    with pytest.raises(SchemaTooNew):
        _tables.migrate(path, 9.0, 1.0)
    assert _tables.tables(path).migrated_at == 8.0


def test_a_script_that_fails_leaves_everything_as_it_was(path):
    _tables.migrate(path, 7.0, 1.0)
    second = "CREATE TABLE actorbus_sent (name TEXT);"

    with pytest.raises(StoreError, match="already exists"):
        _tables.migrate(path, 8.0, 1.0, NEXT, {NEXT: f"{SCRIPTS[NEXT]}\n{second}"})
    found = _tables.tables(path)

    assert found.found == _schema.VERSION
    assert "actorbus_later" not in {one.name for one in found.tables}


def test_a_migration_makes_no_folder(tmp_path):
    with pytest.raises(StoreMissing, match="no folder"):
        _tables.migrate(str(tmp_path / "nowhere" / "shop.db"), 7.0, 1.0)


async def test_a_store_in_memory_has_nothing_to_migrate():
    store = SqliteStore(None)
    for ask in (store.tables, store.migrate):
        with pytest.raises(StoreRefused, match="made anew"):
            await ask()


# ------------------------------------------------------------------------------- migrate=never


async def test_start_up_makes_no_tables_if_it_is_told_not_to(path, tmp_path):
    store = open_store(f"sqlite:///{path}?migrate=never")
    assert isinstance(store, Migrating)
    with pytest.raises(SchemaTooOld, match="no tables yet.*actorbus store migrate"):
        await store.open(process())
    assert list(tmp_path.iterdir()) == []

    await store.migrate()
    await store.open(process())
    await store.close()


async def test_start_up_migrates_no_tables_if_it_is_told_not_to(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO actorbus_schema VALUES (1, 'the store', 1.0, 1.0)")
        connection.commit()
    store = SqliteStore(path, SqliteOptions(migrate="never"))

    with pytest.raises(SchemaTooOld, match="tables of version 1.*nothing was changed"):
        await store.open(process())
    assert (await store.tables()).found == 1


def test_what_else_is_said_of_migrations_is_refused():
    with pytest.raises(ValueError, match="migrate='later' must be one of auto, never"):
        open_store("sqlite:///shop.db?migrate=later")
