"""Functions of another actorbus beside tables of this version."""

import psycopg
import pytest
import trio

from actorbus._store import SchemaTooOld
from actorbus.stores import open_store
from actorbus.stores.postgresql import PostgresStore, _functions
from actorbus.testing import demand, names, outgoing, process
from tests.acceptance.command_line import CommandLine

OTHERS = """
DROP FUNCTION actorbus_claim;
CREATE FUNCTION actorbus_claim(p_owner TEXT, p_largest_body INTEGER, p_demands JSONB)
RETURNS TEXT LANGUAGE sql AS $$ SELECT 'as it was' $$;
CREATE FUNCTION actorbus_of_long_ago() RETURNS TEXT LANGUAGE sql AS $$ SELECT '' $$;
"""


@pytest.fixture(params=["noted", "before anything was noted"])
def older(postgres, request):
    """A database that another actorbus has made, with tables of this version."""
    trio.run(PostgresStore(postgres).migrate)
    with psycopg.connect(postgres) as connection:
        connection.execute(OTHERS)
        if request.param == "noted":
            connection.execute("UPDATE actorbus_schema SET functions = 'others'")
        else:
            connection.execute("ALTER TABLE actorbus_schema DROP COLUMN functions")
    return postgres


def functions(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'actorbus%'")
        return {name for (name,) in rows}


async def test_whoever_opens_the_store_replaces_them(older):
    store = PostgresStore(older)
    await store.open(process())
    await store.append([outgoing("m")])
    claimed = await store.claim([demand()])
    await store.close()

    assert names(claimed) == ["m"]
    assert "actorbus_of_long_ago" not in functions(older)
    assert (await store.tables()).pending == ()


async def test_they_are_refused_where_start_up_makes_no_changes(older):
    """Until somebody has migrated."""
    store = open_store(f"{older}?migrate=never")
    assert isinstance(store, PostgresStore)
    with pytest.raises(SchemaTooOld, match="functions of another actorbus.*actorbus store migrate"):
        await store.open(process())
    assert "actorbus_of_long_ago" in functions(older)

    await store.migrate()
    await store.open(process())
    await store.close()


def test_the_command_line_shows_and_replaces_them(older, tmp_path):
    actorbus = CommandLine.at(tmp_path)
    before = actorbus("store", "status", older)
    done = actorbus("store", "migrate", older)
    after = actorbus("store", "status", older)

    assert (before.code, done.code, after.code) == (1, 0, 0), before.err + done.err
    assert f"pending  {_functions.SCRIPT}" in before.out
    assert _functions.SCRIPT in done.out


async def test_who_runs_already_leaves_them_alone(postgres):
    """Or else two releases that run beside each other would take turns."""
    store = PostgresStore(postgres)
    await store.open(process())
    with psycopg.connect(postgres) as connection:
        connection.execute("UPDATE actorbus_schema SET functions = 'of a later one'")
    await store.reopen()
    pending = (await store.tables()).pending
    await store.close()

    assert pending == (_functions.SCRIPT,)
