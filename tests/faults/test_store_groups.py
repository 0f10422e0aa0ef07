"""Groups that are lost, handlers that do what they may not, and what their neighbours see."""

import sqlite3

import pytest
import trio

from actorbus._settlement import ACK
from actorbus._store import (
    GroupLost,
    StatementRefused,
    StoreClosed,
    StoreLocked,
    TransactionTooLong,
    TurnEnded,
)
from actorbus.stores import SqliteOptions, SqliteStore
from actorbus.testing import Listener, demand, names, outgoing, process
from tests.faults.store_steps import opened, rows, run


@pytest.fixture
async def store(tmp_path):
    async with opened(tmp_path / "shop.db") as store:
        await run(store, "CREATE TABLE effects (name TEXT UNIQUE)")
        yield store


async def finished(store, name):
    """Finish a turn that writes a row; return its listener."""
    turn = await store.acquire(name)
    await turn.execute("INSERT INTO effects VALUES ($1)", (name,))
    listener = Listener()
    await turn.finish(listener)
    return listener


async def effects(store):
    return [name for (name,) in await rows(store, "SELECT name FROM effects ORDER BY name")]


async def test_a_violated_constraint_is_the_handlers_own(store):
    neighbour = await finished(store, "a")
    turn = await store.acquire("culprit")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        await turn.execute("INSERT INTO effects VALUES ('a')")
    await turn.rollback()
    await neighbour.wait()
    assert await effects(store) == ["a"]


async def test_or_rollback_takes_the_group_with_it(store):
    """The culprit sees its own error; the others hear of the loss, and can run again."""
    neighbour = await finished(store, "a")
    turn = await store.acquire("culprit")
    with pytest.raises(sqlite3.IntegrityError):
        await turn.execute("INSERT OR ROLLBACK INTO effects VALUES ('a')")
    assert [type(told) for told in neighbour.told] == [GroupLost]
    assert isinstance(neighbour.told[0].__cause__, sqlite3.IntegrityError)
    with pytest.raises(TurnEnded):
        await turn.execute("SELECT 1")
    await turn.rollback()

    await (await finished(store, "a")).wait()
    assert await effects(store) == ["a"]


async def test_what_the_store_writes_itself_outlives_a_lost_group(store):
    """Sends, renewals and claims share commits with handlers, and are no handler's to lose."""
    turn = await store.acquire("neighbour")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.append, [outgoing("kept")])
        nursery.start_soon(store.renew)
        await trio.testing.wait_all_tasks_blocked()
        await turn.execute("INSERT INTO effects VALUES ('a')")
        listener = Listener()
        await turn.finish(listener)
        turn = await store.acquire("culprit")
        with pytest.raises(sqlite3.IntegrityError):
            await turn.execute("INSERT OR ROLLBACK INTO effects VALUES ('a')")
    assert [type(told) for told in listener.told] == [GroupLost]
    assert names(await store.claim([demand()])) == ["kept"]


async def test_a_lost_group_serves_those_in_line(store):
    turn = await store.acquire("culprit")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(finished, store, "next")
        await trio.testing.wait_all_tasks_blocked()
        await turn.execute("INSERT INTO effects VALUES ('a')")
        with pytest.raises(sqlite3.IntegrityError):
            await turn.execute("INSERT OR ROLLBACK INTO effects VALUES ('a')")
    await store.append([])
    assert await effects(store) == ["next"]


async def test_alone_a_lost_group_is_one_turn(store):
    neighbour = await finished(store, "a")
    turn = await store.acquire("culprit", alone=True)
    with pytest.raises(sqlite3.IntegrityError):
        await turn.execute("INSERT OR ROLLBACK INTO effects VALUES ('a')")
    assert neighbour.told == [None]


async def test_a_trigger_that_rolls_back_is_no_different(store):
    await run(
        store,
        "CREATE TRIGGER no BEFORE INSERT ON effects WHEN new.name = 'no'"
        " BEGIN SELECT raise(ROLLBACK, 'never no'); END",
    )
    neighbour = await finished(store, "a")
    turn = await store.acquire("culprit")
    with pytest.raises(sqlite3.IntegrityError, match="never no"):
        await turn.execute("INSERT INTO effects VALUES ('no')")
    await turn.rollback()
    assert isinstance(neighbour.told[0], GroupLost)


@pytest.mark.parametrize("method", ["commit", "rollback"])
async def test_the_raw_connection_cannot_end_the_transaction(store, method):
    neighbour = await finished(store, "a")
    turn = await store.acquire("culprit")
    await turn.execute("INSERT INTO effects VALUES ('b')")
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        getattr(turn.connection, method)()
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        turn.connection.executescript("INSERT INTO effects VALUES ('c')")
    listener = Listener()
    await turn.finish(listener)
    await listener.wait()
    assert neighbour.told == [None]
    assert await effects(store) == ["a", "b"]


async def test_the_bus_own_savepoint_cannot_be_released(store):
    turn = await store.acquire("culprit")
    with pytest.raises(StatementRefused, match=r"use tx\.savepoint"):
        await turn.execute("RELEASE actorbus")
    with pytest.raises(StatementRefused):
        await turn.execute("/* COMMIT */ COMMIT")
    assert (await turn.fetch("PRAGMA table_info(effects)"))[0]["name"] == "name"
    await turn.rollback()


async def test_two_statements_in_one_are_refused(store):
    turn = await store.acquire("culprit")
    with pytest.raises(sqlite3.ProgrammingError, match="one statement"):
        await turn.execute("INSERT INTO effects VALUES ('a'); COMMIT")
    await turn.rollback()


async def test_a_statement_that_runs_for_ever_is_stopped(store):
    """A reading one alone; its neighbours commit."""
    neighbour = await finished(store, "a")
    turn = await store.acquire("shop.slow")
    with pytest.raises(TransactionTooLong, match=r"shop\.slow"):
        await turn.fetch(ENDLESS)
    await turn.rollback()
    await neighbour.wait()
    assert await effects(store) == ["a"]


async def test_a_writing_statement_that_runs_for_ever_is_stopped(store):
    """SQLite undoes the whole transaction then: the neighbours run again."""
    neighbour = await finished(store, "a")
    turn = await store.acquire("shop.slow")
    with pytest.raises(TransactionTooLong, match=r"shop\.slow"):
        await turn.execute(f"INSERT INTO effects {ENDLESS}")
    await turn.rollback()
    assert isinstance(neighbour.told[0], GroupLost)
    await (await finished(store, "a")).wait()


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n WHERE i < 0"
)


async def test_a_long_select_moves_to_the_stores_thread(tmp_path):
    """It is begun anew there, and its text is remembered as slow."""
    options = SqliteOptions(inline_limit=0.001, tx_limit=30)
    async with opened(tmp_path / "shop.db", options=options) as store:
        turn = await store.acquire("test")
        sql = (
            "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
            " FROM n WHERE i < 300000) SELECT * FROM n)"
        )
        assert [tuple(row) for row in await turn.fetch(sql)] == [(300000,)]
        assert sql in turn._session.slow
        assert tuple(await turn.fetch_one(sql)) == (300000,)
        await turn.rollback()


async def test_a_listener_that_fails_keeps_nobody_else_from_hearing(store, caplog):
    class Broken(Listener):
        def committed(self):
            raise RuntimeError("broken listener")

    turn = await store.acquire("broken")
    await turn.finish(Broken())
    neighbour = await finished(store, "a")
    await neighbour.wait()
    assert "broken listener" in caplog.text


async def test_a_settlement_that_cannot_be_written_is_given_up(store, caplog):
    """It would fail each commit that it is part of, so it is dropped, and its owner told."""
    await store.append([outgoing("m")])
    (claimed,) = await store.claim([demand()])
    await run(
        store,
        "CREATE TRIGGER keep BEFORE DELETE ON actorbus_messages"
        " BEGIN SELECT raise(ABORT, 'never delete'); END",
    )
    lost = []
    store.settle_soon(claimed, ACK, lambda: lost.append("committed"), lost.append)
    neighbour = await finished(store, "a")
    with pytest.raises(Exception, match="never delete"):
        await neighbour.wait()
    assert ["never delete" in str(error) for error in lost] == [True]
    await (await finished(store, "a")).wait()
    assert "a commit failed" in caplog.text


async def test_a_cancelled_claim_holds_nothing(store):
    await store.append([outgoing("m")])
    held = await store.acquire("holder")
    with trio.move_on_after(0):
        await store.claim([demand()])
    await held.rollback()
    assert names(await store.claim([demand()])) == ["m"]


async def test_a_group_is_committed_when_it_is_full(tmp_path):
    """Without waiting for the run loop to be idle."""
    options = SqliteOptions(group_size=3, group_age=60)
    async with opened(tmp_path / "shop.db", options=options) as store:
        await run(store, "CREATE TABLE effects (name TEXT UNIQUE)")
        listeners = [await finished(store, name) for name in "abc"]
        turn = await store.acquire("next group")
        assert [listener.told for listener in listeners] == [[None]] * 3
        await turn.rollback()


async def test_an_error_after_a_refusal_is_not_taken_for_one(store):
    turn = await store.acquire("culprit")
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        turn.connection.commit()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await turn.execute("INSERT INTO missing VALUES (1)")
    await turn.rollback()


async def test_each_of_those_in_line_gets_an_error_of_its_own(tmp_path):
    """One object raised in many tasks would mix up their tracebacks."""
    path = tmp_path / "shop.db"
    errors = []

    async def acquire(store):
        try:
            await store.acquire("test")
        except StoreLocked as error:
            errors.append(error)

    async with opened(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(acquire, store)
        other.close()

    assert len(set(map(id, errors))) == 3


def test_a_run_that_ends_without_closing_its_store_tells_its_turns(tmp_path):
    """The open group is undone; nothing of the store keeps the run from ending."""
    told = []

    async def main():
        listener = Listener()
        told.append(listener.told)
        store = SqliteStore(tmp_path / "shop.db", SqliteOptions(group_age=60))
        await store.open(process())
        turn = await store.acquire("test")
        await turn.finish(listener)
        await store.acquire("never given up")

    trio.run(main)
    assert [type(error) for error in told[0]] == [StoreClosed]
