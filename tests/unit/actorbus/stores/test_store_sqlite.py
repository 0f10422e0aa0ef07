"""The parts of the SQLite store: URLs, options, placeholders, queries, schema, plans."""

import inspect
import math
import sqlite3
from pathlib import Path

import pytest
import trio
import trio.testing

from actorbus import _store
from actorbus._settlement import Retry
from actorbus._store import SchemaTooNew, SchemaTooOld, Store, StoreError
from actorbus.stores import SqliteOptions, SqliteStore, open_store
from actorbus.stores._sql import parse
from actorbus.stores.sqlite import _schema
from actorbus.stores.sqlite._placeholders import Translations, numbered
from actorbus.stores.sqlite._queries import QUERIES, SCHEMA
from actorbus.stores.sqlite._tenants import waiting_tenants
from actorbus.testing import demand, failure, names, outgoing, process

# --------------------------------------------------------------------------------- URLs, options


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///shop.db", Path("shop.db").absolute()),
        ("sqlite:////var/lib/shop.db", "/var/lib/shop.db"),
        ("sqlite:////var/a%20b.db", "/var/a b.db"),
        (":memory:", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_a_url_names_a_place(url, path):
    assert repr(open_store(url)) == f"<SqliteStore {path}>"


def test_a_url_carries_options():
    store = open_store("sqlite:///a.db?synchronous=normal&tx_limit=0.5&group_size=10")
    assert isinstance(store, SqliteStore)
    assert store.options == SqliteOptions("NORMAL", tx_limit=0.5, group_size=10)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mongodb://x/y", "not a known kind of store"),
        ("shop.db", "not a known kind of store"),
        ("sqlite://", "names no file"),
        ("sqlite://host/shop.db", "names no file"),
        ("sqlite:///a.db?sync=1", "unknown option 'sync' .known: .*synchronous"),
        ("sqlite:///a.db?tx_limit=soon", "tx_limit='soon' is not a number"),
        ("sqlite:///a.db?tx_limit=-1", "tx_limit=-1.0 must be"),
        ("sqlite:///a.db?group_size=0", "group_size=0 must be 1 or more"),
        ("sqlite:///a.db?synchronous=sometimes", "must be one of OFF, NORMAL, FULL, EXTRA"),
    ],
)
def test_a_wrong_url_is_refused_with_its_reason(url, words):
    with pytest.raises(ValueError, match=words):
        open_store(url)


def test_all_that_is_wrong_with_options_is_said_at_once():
    with pytest.raises(ValueError, match=r"tx_limit=nan.*group_size=0"):
        SqliteOptions(tx_limit=math.nan, group_size=0)


@pytest.mark.parametrize("delay", [-1.0, math.nan, math.inf])
def test_a_retry_needs_a_delay_that_ends(delay):
    with pytest.raises(ValueError, match="delay="):
        Retry(delay, failure())


def test_a_sqlite_store_keeps_the_protocol():
    assert isinstance(SqliteStore(None), Store)


def test_every_error_is_a_store_error_and_explained():
    errors = [
        error
        for _, error in inspect.getmembers(_store, inspect.isclass)
        if issubclass(error, Exception) and error.__module__ == _store.__name__
    ]
    assert all(issubclass(error, StoreError) and error.__doc__ for error in errors)
    assert [error.__name__ for error in errors if error.__name__ not in _store.__doc__] == []


# --------------------------------------------------------------------------- queries, placeholders


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT $1, $2", "SELECT ?1, ?2"),
        ("SELECT $12", "SELECT ?12"),
        ("SELECT '$1', $1", "SELECT '$1', ?1"),
        ("SELECT 'it''s $1'", "SELECT 'it''s $1'"),
        ('SELECT "$1", [$2], `$3`', 'SELECT "$1", [$2], `$3`'),
        ("SELECT 1 -- $1\n, $1 /* $2 */", "SELECT 1 -- $1\n, ?1 /* $2 */"),
        ("SELECT json_extract(a, '$.b')", "SELECT json_extract(a, '$.b')"),
        ("SELECT $name, ?", "SELECT $name, ?"),
    ],
)
def test_placeholders_are_numbered_outside_of_texts(sql, expected):
    assert numbered(sql) == expected


def test_translations_are_remembered_up_to_a_bound():
    translate = Translations(bound=2)
    assert [translate(f"SELECT {n}, $1") for n in range(5)] == [f"SELECT {n}, ?1" for n in range(5)]
    assert len(translate._known) <= 2


def test_queries_have_names_and_purposes():
    text = "-- name: one\n-- Why.\nSELECT 1;\n\n-- name: two\n-- Why.\nSELECT\n  2;\n"
    assert parse(text) == {"one": "SELECT 1", "two": "SELECT\n  2"}


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


# -------------------------------------------------------------------------------------- the plans


def plan(database, name):
    """Return how SQLite would run a named query."""
    sql = QUERIES[name]
    rows = database.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?"))
    return " / ".join(row[3] for row in rows)


READY = "SEARCH actorbus_messages USING INDEX actorbus_messages_ready"
LINE = "(channel=? AND endpoint=? AND tenant=? AND ordering_key=?)"
BY_KEY = "SEARCH actorbus_messages USING INTEGER PRIMARY KEY"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first_ready", f"{READY} (channel=? AND tenant=? AND endpoint=? AND suspect=?)"),
        ("candidates", f"{READY} (channel=? AND tenant=? AND endpoint=? AND suspect=?)"),
        ("suspect_candidate", f"{READY} (channel=? AND tenant=? AND endpoint=? AND suspect=?)"),
        ("first_tenant", f"{READY} (channel=?)"),
        ("claim_run", f"{BY_KEY} (rowid>? AND rowid<?)"),
        ("claim_one", f"{BY_KEY} (rowid=?)"),
        ("delete_message", f"{BY_KEY} (rowid=?)"),
        (
            "first_held",
            f"SEARCH actorbus_messages USING INDEX actorbus_messages_held {LINE}",
        ),
        (
            "key_holder",
            f"SEARCH actorbus_keys USING PRIMARY KEY {LINE}",
        ),
    ],
)
def test_the_cost_of_a_claim_does_not_depend_on_the_backlog(database, name, expected):
    """One search in an index that has the order already, and no sorting."""
    assert plan(database, name) == expected


@pytest.mark.parametrize("name", ["promote", "expire", "next_due", "take_back", "release_owned"])
def test_no_query_of_the_running_store_reads_the_whole_table(database, name):
    assert "SCAN actorbus" not in plan(database, name)
    assert "TEMP B-TREE" not in plan(database, name)


def test_each_of_the_next_tenants_is_one_search(database):
    values = {"channel": "c", "after": "a", "limit": 9}
    rows = database.execute(f"EXPLAIN QUERY PLAN {QUERIES['next_tenants']}", values)
    steps = [row[3] for row in rows if "actorbus_messages" in row[3]]

    assert steps == [f"{READY} (channel=? AND tenant>?)"] * 2


def test_tenants_are_found_by_seeks(database):
    """Counted in steps of SQLite's machine: 20 of 2,000 tenants do not cost 40,000 rows."""
    queue = ("orders", "bill")
    rest = ("m", "T", "c", "m", None, 1.0, None, None, "{}", b"", None, None, None)
    rows = (
        ("ready", 0, 1.0, None, 1.0, f"c{n}", *queue, f"t{n % 2000:04}", *rest)
        for n in range(40_000)
    )
    database.executemany(QUERIES["insert_message"], rows)
    steps = []
    database.set_progress_handler(lambda: steps.append(1), 100)
    found = waiting_tenants(database.cursor(), "orders", "t1990", 20)

    assert found == [*(f"t{n}" for n in range(1991, 2000)), *(f"t{n:04}" for n in range(11))]
    assert len(steps) < 50


# ------------------------------------------------------------------------------------- the schema


SECOND = (
    "ALTER TABLE actorbus_messages ADD COLUMN note TEXT;\nUPDATE actorbus_messages SET note = '';"
)
THIRD = "CREATE TABLE actorbus_notes (note TEXT) STRICT;"
NOW, NEXT, LATEST = (_schema.VERSION + step for step in range(3))


@pytest.fixture
def this_version():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _schema.prepare(connection, "shop.db", 1.0)
    yield connection
    connection.close()


def existing(connection):
    """Return the schema of a store that is there."""
    schema = _schema.read(connection, "shop.db")
    assert schema is not None
    return schema


def test_a_store_is_made_once(this_version):
    made = existing(this_version)
    assert made.version == _schema.VERSION
    assert _schema.prepare(this_version, "shop.db", 2.0) == made


def test_an_older_store_is_migrated_step_by_step(this_version):
    """It stays the same store; the time of the migration is noted."""
    made = existing(this_version)
    migrated = _schema.prepare(this_version, "shop.db", 9.0, LATEST, {NEXT: SECOND, LATEST: THIRD})

    assert migrated == _schema.read(this_version, "shop.db") == (LATEST, made.store_id)
    assert this_version.execute("SELECT note FROM actorbus_messages").fetchall() == []
    assert this_version.execute("SELECT note FROM actorbus_notes").fetchall() == []
    assert this_version.execute("SELECT migrated_at FROM actorbus_schema").fetchone() == (9.0,)


def test_a_store_without_a_migration_is_refused_and_left_alone(this_version):
    with pytest.raises(
        SchemaTooOld, match=rf"version {NOW}; .* needs version {LATEST}.* to version {LATEST}"
    ):
        _schema.prepare(this_version, "shop.db", 9.0, LATEST, {NEXT: SECOND})
    assert existing(this_version).version == NOW
    with pytest.raises(sqlite3.OperationalError, match="note"):
        this_version.execute("SELECT note FROM actorbus_messages")


async def test_a_newer_store_is_refused_and_left_alone(tmp_path):
    """Not even its journal mode is changed."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        _schema.prepare(connection, str(path), 1.0)
        connection.execute("UPDATE actorbus_schema SET version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew, match=f"version 99; this actorbus knows up to version {NOW}"):
        await SqliteStore(path).open(process())
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.db"]


async def test_a_failed_migration_changes_nothing(tmp_path, monkeypatch):
    """All steps are one transaction; the store can be opened by the older version again."""
    path = tmp_path / "shop.db"
    store = SqliteStore(path)
    await store.open(process())
    await store.append([outgoing("m")])
    await store.close()
    monkeypatch.setattr(
        _schema, "migrations", lambda: {NEXT: SECOND, LATEST: "INSERT INTO nowhere;"}
    )
    monkeypatch.setattr(_schema, "VERSION", LATEST)
    monkeypatch.setattr(_schema.check, "__defaults__", (LATEST,))
    monkeypatch.setattr(_schema.prepare, "__defaults__", (LATEST, None))
    with pytest.raises(StoreError):
        await SqliteStore(path).open(process())
    monkeypatch.undo()
    await store.open(process())
    assert names(await store.claim([demand()])) == ["m"]
    await store.close()


# ------------------------------------------------------------------------------------- in memory


async def test_a_store_in_memory_follows_trios_clock(autojump_clock):
    """Days of delay pass in a moment; nothing of it runs on a thread."""
    store = open_store(":memory:")
    await store.open(process())
    start = store.now()
    await store.append([outgoing("m", delay=86400.0)])
    next_due = (await store.poll()).next_due
    assert next_due == pytest.approx(start + 86400.0)
    await trio.sleep(86400.0)
    await store.poll()
    assert names(await store.claim([demand()])) == ["m"]
    assert store.now() == pytest.approx(start + 86400.0, abs=1)
    await store.close()


async def test_a_store_in_memory_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = open_store(":memory:")
    await store.open(process())
    assert len(list(tmp_path.iterdir())) == 1
    await store.close()
    assert list(tmp_path.iterdir()) == []
