"""The tables of a PostgreSQL store as those who deploy it see them, and how they are migrated."""

from pathlib import Path

import psycopg
import pytest
import trio

from actorbus._store import SchemaTooNew, SchemaTooOld, StoreUnavailable
from actorbus.stores import open_store
from actorbus.stores.postgresql import PostgresStore, _schema, _tables
from actorbus.testing import process
from tests.acceptance.command_line import CommandLine

NEXT = _schema.VERSION + 1
SCRIPTS = {NEXT: "CREATE TABLE actorbus_later (name TEXT); ALTER TABLE actorbus_sent ADD a TEXT;"}


async def migrated(store, scripts=SCRIPTS):
    """Bring a store's tables to the version that comes next."""
    return await store._apart(
        lambda _, connection: _tables.migrate(connection, "here", "", NEXT, scripts)
    )


@pytest.fixture
def store(postgres):
    return PostgresStore(postgres)


async def test_of_an_empty_database_is_said_what_would_be_made(store, postgres):
    found = await store.tables()

    assert (found.found, found.wanted, found.pending) == (None, _schema.VERSION, ("schema.sql",))
    assert not store.exists()
    assert found.bytes > 0


async def test_a_migration_makes_the_tables_and_a_second_one_finds_nothing_to_do(store):
    first, second = await store.migrate(), await store.migrate()
    found = await store.tables()

    assert (first.before, first.after, first.scripts) == (None, _schema.VERSION, ("schema.sql",))
    assert (second.before, second.scripts) == (_schema.VERSION, ())
    assert (found.found, found.pending) == (_schema.VERSION, ())
    assert {one.name for one in found.tables} >= {"actorbus_messages", "actorbus_schema"}
    assert all(one.bytes for one in found.tables)


async def test_of_many_that_migrate_at_once_one_does(postgres):
    """The others wait, and find it done; so do processes that start meanwhile."""
    done = []

    async def migrate() -> None:
        done.append(await PostgresStore(postgres).migrate())

    async def start() -> None:
        store = PostgresStore(postgres)
        await store.open(process(str(id(store))))
        await store.close()

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(migrate)
            nursery.start_soon(start)

    assert sum(bool(one.scripts) for one in done) <= 1
    assert [one.after for one in done] == [_schema.VERSION] * 4


async def test_tables_are_brought_to_a_version_that_comes_later(store):
    """As the next release will do it; this one then refuses them, and changes nothing."""
    await store.migrate()
    done = await migrated(store)
    found = await store.tables()

    assert (done.before, done.after) == (_schema.VERSION, NEXT)
    assert (found.found, found.pending) == (NEXT, ())
    assert "actorbus_later" in {one.name for one in found.tables}
    for refused in (store.migrate, lambda: store.open(process())):
        with pytest.raises(SchemaTooNew):
            await refused()
    assert (await store.tables()).found == NEXT


async def test_a_script_that_fails_leaves_everything_as_it_was(store):
    await store.migrate()
    script = f"{SCRIPTS[NEXT]} CREATE TABLE actorbus_sent (a TEXT)"

    with pytest.raises(Exception, match="already exists"):
        await migrated(store, {NEXT: script})
    found = await store.tables()

    assert found.found == _schema.VERSION
    assert "actorbus_later" not in {one.name for one in found.tables}


async def test_a_version_without_a_script_is_refused(store):
    await store.migrate()
    with pytest.raises(SchemaTooOld, match=f"no migration to version {NEXT}"):
        await migrated(store, {NEXT + 1: ""})


async def test_start_up_makes_no_tables_if_it_is_told_not_to(postgres):
    store = open_store(f"{postgres}?migrate=never")
    assert isinstance(store, PostgresStore)
    with pytest.raises(SchemaTooOld, match="no tables yet.*actorbus store migrate"):
        await store.open(process())
    assert not store.exists()

    await store.migrate()
    await store.open(process())
    await store.close()


async def test_tables_may_lie_in_a_schema_of_their_own(postgres):
    """Which the migration makes."""
    store = open_store(f"{postgres}?schema=shop")
    assert isinstance(store, PostgresStore)
    assert (await store.tables()).found is None
    await store.migrate()

    assert (await store.tables()).found == _schema.VERSION
    assert (await PostgresStore(postgres).tables()).found is None


async def test_a_server_that_is_not_there_is_an_outage():
    store = PostgresStore("postgresql://nobody@127.0.0.1:1/nowhere")
    for ask in (store.tables, store.migrate):
        with pytest.raises(StoreUnavailable):
            await ask()


def test_the_command_line_says_and_migrates(postgres, tmp_path):
    """With the sizes that the server knows, and without the password."""
    actorbus = CommandLine.at(tmp_path)
    url = postgres.replace("postgresql://postgres@", "postgresql://postgres:secret@")
    before = actorbus("store", "status", url)
    made = actorbus("store", "migrate", url)
    after = actorbus("store", "status", url, "--json")

    assert (before.code, made.code, after.code) == (1, 0, 0), before.err + made.err + after.err
    assert after.json["state"] == "up to date"
    assert {one["name"] for one in after.json["tables"]} >= {"actorbus_messages"}
    assert "secret" not in before.out + made.out + after.out + after.json["store"]


# ------------------------------------------------------------------------------------- the server


async def test_the_server_says_how_it_is(store):
    await store.migrate()
    found = await store.server()

    assert found.is_new_enough
    assert (found.pooled, found.hears, found.autovacuum) == (False, True, True)
    assert found.per_process == store.options.pool_size + 4
    assert 0 < found.connections <= found.most_connections
    assert abs(found.clock_difference) <= found.clock_error + 1.0
    assert "actorbus_messages" in {one.table for one in found.bloat}


async def test_a_transaction_that_keeps_vacuum_from_its_work_is_named(store, postgres):
    await store.migrate()
    assert (await store.server()).horizon is None
    with psycopg.connect(postgres, application_name="a report") as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM actorbus_messages")
        found = await store.server()

    assert found.horizon is not None
    assert "a report" in found.horizon.what
    assert found.horizon.seconds > 0


async def test_tables_without_autovacuum_are_named(store, postgres):
    await store.migrate()
    with psycopg.connect(postgres) as connection:
        connection.execute("ALTER TABLE actorbus_sent SET (autovacuum_enabled = off)")
    found = await store.server()

    assert [one.table for one in found.bloat if not one.autovacuum] == ["actorbus_sent"]


async def test_a_pooler_is_found(store, postgres, pgbouncer):
    """It hears nothing then, and is not asked to."""
    await store.migrate()
    found = await PostgresStore(pgbouncer.through(postgres)).server()

    assert (found.pooled, found.hears) == (True, False)


def test_doctor_looks_at_the_server(postgres, tmp_path):
    actorbus = CommandLine.at(tmp_path)
    actorbus.write(
        "app.py", f"from actorbus import ActorBus\nbus = ActorBus('shop', {postgres!r})\n"
    )
    actorbus("store", "migrate", "app:bus")
    done = actorbus("doctor", "app:bus", "--json")
    found = {one["check"]: one["status"] for one in done.json["findings"]}
    checks = ("server", "connections", "server clock", "wake-up")

    assert done.code == 0, done.out + done.err
    assert [found[name] for name in checks] == ["ok"] * 4


VERSION_1 = Path(__file__).with_name("schema_1.sql").read_text(encoding="utf-8")
COLUMNS = """
SELECT table_name, column_name, data_type, collation_name, is_nullable
FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"


def shape(postgres):
    with psycopg.connect(postgres) as connection:
        return [connection.execute(query).fetchall() for query in (COLUMNS, INDEXES)]


async def test_tables_of_version_1_become_those_of_a_new_database(store, postgres):
    """With what is in them; the store works on them then."""
    with psycopg.connect(postgres) as connection:
        connection.execute(VERSION_1)
        connection.execute("INSERT INTO actorbus_schema VALUES (1, 'the store', 1, 1)")
        connection.execute("INSERT INTO actorbus_pauses VALUES ('orders', '', 1, NULL, 'moving')")
    found, done = await store.tables(), await store.migrate()
    migrated_shape = shape(postgres)
    await store.open(process())
    pauses = await store.pauses()
    await store.close()
    with psycopg.connect(postgres) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    await store.migrate()

    assert (found.found, found.pending) == (1, ("0002_supervision.sql",))
    assert (done.before, done.after) == (1, 2)
    assert [pause.reason for pause in pauses] == ["moving"]
    assert migrated_shape == shape(postgres)
