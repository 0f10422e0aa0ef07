"""A store of an earlier version is brought up to date, with what is in it."""

import sqlite3
from pathlib import Path

import pytest

from actorbus.stores.sqlite import _schema
from actorbus.stores.sqlite._queries import SCHEMA
from actorbus.stores.sqlite._store import SqliteStore
from actorbus.testing import demand, names, process

SCHEMAS = {
    version: Path(__file__).with_name(f"schema_{version}.sql").read_text(encoding="utf-8")
    for version in (1, 2, 3)
}

MESSAGE = """
INSERT INTO actorbus_messages (
    state, epoch, attempts, suspect, replays, priority, due_at, enqueued_at, copy_id, channel,
    endpoint, tenant, message_id, type_name, content_type, correlation_id, timestamp, headers, body
) VALUES (
    'ready', 0, 0, 0, 0, 0, 1.0, 1.0, 'm', 'orders', 'shop.handlers.bill', '', 'm',
    'shop.PlaceOrder', 'application/msgpack', 'm', 1.0, '{}', x'80'
)
"""


@pytest.fixture(params=SCHEMAS)
def older_store(request, tmp_path):
    """Return the path of a store as an earlier version made it, with a message in it."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMAS[request.param])
    connection.execute(
        "INSERT INTO actorbus_schema VALUES (?, 'the store', 1.0, 1.0)", [request.param]
    )
    connection.execute(MESSAGE)
    connection.commit()
    connection.close()
    return path


def tables(connection):
    """Return all columns and indexes, by table, in no order."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")
    found = {}
    for (name,) in rows.fetchall():
        columns = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
        parts = connection.execute(f"PRAGMA index_xinfo({name})").fetchall()
        # Columns are known by their names: those that were added later come last.
        found[name] = ({tuple(row[1:4]) for row in columns}, [tuple(row[2:4]) for row in parts])
    return found


def test_a_migrated_store_has_the_tables_of_a_new_one(older_store):
    migrated, new = sqlite3.connect(older_store), sqlite3.connect(":memory:")
    schema = _schema.prepare(migrated, str(older_store), 9.0)
    new.executescript(SCHEMA)

    assert schema == (_schema.VERSION, "the store")
    assert tables(migrated) == tables(new)
    migrated.close()
    new.close()


async def test_a_migrated_store_has_its_messages(older_store):
    store = SqliteStore(older_store)
    await store.open(process())
    claimed = await store.claim([demand()])
    await store.close()

    assert names(claimed) == ["m"]


def test_a_migration_keeps_the_numbers_and_what_else_refers_to_the_table(older_store):
    """Sequences go on behind the highest ever used, and a view of the user's still works."""
    connection = sqlite3.connect(older_store, isolation_level=None)
    connection.execute("CREATE VIEW backlog AS SELECT copy_id FROM actorbus_messages")
    connection.execute("UPDATE sqlite_sequence SET seq = 40 WHERE name = 'actorbus_messages'")
    connection.execute("BEGIN IMMEDIATE")
    _schema.prepare(connection, str(older_store), 9.0)
    connection.execute("COMMIT")
    connection.execute(MESSAGE.replace("'m', 'orders'", "'n', 'orders'"))
    numbers = connection.execute("SELECT sequence FROM actorbus_messages").fetchall()

    assert connection.execute("SELECT * FROM backlog").fetchall() == [("m",), ("n",)]
    assert numbers == [(1,), (41,)]
    connection.close()
