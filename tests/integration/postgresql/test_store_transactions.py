"""A handler's transaction on a real PostgreSQL: what aborts it, what ends it, who it waits for."""

from contextlib import asynccontextmanager

import asyncpg
import psycopg
import pytest
import trio

from actorbus._settlement import ACK, RELEASE
from actorbus._store import (
    GroupLost,
    StaleClaim,
    StatementRefused,
    StoreUnavailable,
    TransactionTooLong,
    TurnEnded,
)
from actorbus.stores.postgresql import PostgresStore, _begun
from actorbus.testing import process
from actorbus.testing._store_samples import Listener, demand, names, outgoing
from actorbus.testing.store_contract._steps import commit, effects, make_effects, write


@asynccontextmanager
async def opened(url, name="first", lease=10.0):
    store = PostgresStore(url)
    await store.open(process(name, lease))
    try:
        yield store
    finally:
        await store.close()


def with_options(url, options):
    return f"{url}{'&' if '?' in url else '?'}{options}"


async def test_a_failed_statement_aborts_its_transaction(postgres):
    async with opened(postgres) as store:
        await make_effects(store)
        turn = await store.acquire("shop.bill")
        await write(turn, "undone")
        with pytest.raises(asyncpg.UndefinedTableError):
            await turn.execute("INSERT INTO missing VALUES (1)")
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await write(turn, "refused")
        with pytest.raises(TurnEnded, match=r"shop\.bill.*missing.*savepoint"):
            await turn.finish(Listener())
        await turn.rollback()

        assert await effects(store) == []


async def test_a_failed_statement_inside_a_savepoint_is_undone_alone(postgres):
    async with opened(postgres) as store:
        await make_effects(store)
        turn = await store.acquire("shop.bill")
        await write(turn, "kept")
        with pytest.raises(asyncpg.UndefinedTableError):
            async with turn.savepoint():
                await write(turn, "undone")
                await turn.execute("INSERT INTO missing VALUES (1)")
        await write(turn, "kept too")
        await commit(turn)

        assert await effects(store) == ["kept", "kept too"]


async def test_transactions_run_side_by_side(postgres):
    async with opened(postgres) as store:
        await make_effects(store)
        first, second = await store.acquire("first"), await store.acquire("second")
        await write(first, "first")
        await write(second, "second")
        await commit(second)

        assert await effects(store) == ["second"]
        await commit(first)
        assert await effects(store) == ["first", "second"]


async def test_a_constraint_that_is_checked_at_the_commit_is_the_handlers_failure(postgres):
    async with opened(postgres) as store:
        turn = await store.acquire("test")
        await turn.execute("CREATE TABLE once (n INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        await commit(turn)
        turn = await store.acquire("shop.bill")
        await turn.executemany("INSERT INTO once VALUES ($1)", [(1,), (1,)])

        with pytest.raises(GroupLost, match=r"shop\.bill") as caught:
            await commit(turn)
        assert isinstance(caught.value.__cause__, asyncpg.UniqueViolationError)


async def test_of_two_that_wait_for_each_other_one_is_told_to_run_again(postgres):
    async with opened(postgres) as store:
        turn = await store.acquire("test")
        await turn.execute("CREATE TABLE hot (n INTEGER PRIMARY KEY, x INTEGER)")
        await turn.execute("INSERT INTO hot VALUES (1, 0), (2, 0)")
        await commit(turn)
        lost, gate = [], [trio.Event(), trio.Event()]

        async def update(mine, other):
            turn = await store.acquire("shop.hot")
            update = "UPDATE hot SET x = x + 1 WHERE n = $1"
            try:
                await turn.execute(update, (mine + 1,))
                gate[mine].set()
                await gate[other].wait()
                await turn.execute(update, (other + 1,))
                await commit(turn)
            except GroupLost as error:
                lost.append(error)
                await turn.rollback()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(update, 0, 1)
            nursery.start_soon(update, 1, 0)

        assert len(lost) == 1
        assert isinstance(lost[0].__cause__, asyncpg.DeadlockDetectedError)


async def test_waiting_too_long_for_a_row_is_told_to_run_again(postgres):
    async with opened(with_options(postgres, "lock_timeout=0.1")) as store:
        await make_effects(store)
        holder = await store.acquire("holder")
        await holder.execute("LOCK TABLE effects IN ACCESS EXCLUSIVE MODE")
        turn = await store.acquire("shop.bill")
        with pytest.raises(GroupLost, match=r"shop\.bill"):
            await write(turn, "late")
        await turn.rollback()
        await holder.rollback()

        assert await effects(store) == []


async def test_a_transaction_in_which_nothing_happens_is_ended_by_the_server(postgres):
    async with opened(with_options(postgres, "tx_limit=0.2")) as store:
        await make_effects(store)
        turn = await store.acquire("shop.slow")
        await write(turn, "undone")
        pid = await turn.connection.fetchval("SELECT pg_backend_pid()")
        await until_gone(postgres, pid)

        with pytest.raises(TransactionTooLong, match=r"shop\.slow.*0\.2 s"):
            await write(turn, "late")
        await turn.rollback()
        assert await effects(store) == []
        assert store.connection_statistics()["stale_transactions"] == 1


async def test_one_that_was_ended_while_its_handler_finished_is_lost(postgres):
    async with opened(with_options(postgres, "tx_limit=0.2")) as store:
        await make_effects(store)
        turn = await store.acquire("shop.slow")
        await write(turn, "undone")
        await until_gone(postgres, await turn.connection.fetchval("SELECT pg_backend_pid()"))

        with pytest.raises(GroupLost) as caught:
            await commit(turn)
        assert isinstance(caught.value.__cause__, TransactionTooLong)


async def until_gone(url, pid):
    """Return when the server's process of a connection has ended."""
    with psycopg.connect(url, autocommit=True) as connection, trio.fail_after(10):
        query = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        while connection.execute(query, (pid,)).fetchone():  # noqa: ASYNC110  it is asked
            await trio.sleep(0.02)


async def test_a_statement_that_runs_too_long_is_stopped(postgres):
    async with opened(with_options(postgres, "statement_timeout=0.1")) as store:
        turn = await store.acquire("shop.slow")
        with pytest.raises(TransactionTooLong, match=r"shop\.slow.*statement_timeout"):
            await turn.execute("SELECT pg_sleep(30)")
        await turn.rollback()


async def test_a_statement_that_is_cancelled_takes_its_transaction_along(postgres):
    async with opened(postgres) as store:
        await make_effects(store)
        turn = await store.acquire("shop.slow")
        await write(turn, "undone")
        with trio.move_on_after(0.1):
            await turn.execute("SELECT pg_sleep(30)")
        with pytest.raises(TurnEnded):
            await turn.finish(Listener())
        await turn.rollback()

        assert await effects(store) == []


async def test_handlers_that_wait_for_a_connection_get_one_in_turn(postgres):
    async with opened(with_options(postgres, "pool_size=2")) as store:
        await make_effects(store)
        listeners = [Listener() for _ in range(50)]

        async def handle(number):
            turn = await store.acquire("test")
            await write(turn, f"{number:02}")
            await turn.finish(listeners[number])

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(handle, number)
        for listener in listeners:
            await listener.wait()

        assert await effects(store) == [f"{number:02}" for number in range(50)]
        assert store.connection_statistics()["connections_opened"] <= 2 + 3


IDLE_INSIDE = """
    SELECT backend_xid IS NULL AND backend_xmin IS NULL FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction'
"""


async def follow_each_other(store, count=_begun.ENOUGH + 1):
    """Commit so many transactions one behind the other, so that another one is expected."""
    for number in range(count):
        turn = await store.acquire("test")
        await write(turn, f"{number}")
        await commit(turn)


async def test_a_transaction_that_began_before_it_was_wanted_sees_what_was_committed_since(
    postgres, monkeypatch
):
    monkeypatch.setattr(_begun, "HOLD", 60.0)
    async with opened(with_options(postgres, "pool_size=1")) as store:
        await make_effects(store)
        await follow_each_other(store)
        with psycopg.connect(postgres, autocommit=True) as other:
            assert other.execute(IDLE_INSIDE).fetchall() == [(True,)]
            other.execute("INSERT INTO effects VALUES ('since')")
        turn = await store.acquire("test")

        assert ("since",) in [tuple(row) for row in await turn.fetch("SELECT * FROM effects")]
        await turn.rollback()


async def test_no_session_stays_inside_a_transaction_that_nobody_wanted(postgres):
    async with opened(postgres) as store:
        await make_effects(store)
        with psycopg.connect(postgres, autocommit=True) as other, trio.fail_after(10):
            await follow_each_other(store, 20)
            while other.execute(IDLE_INSIDE).fetchall():  # noqa: ASYNC110  it is the server that acts
                await trio.sleep(0.01)


async def test_statistics_that_are_read_between_transactions_leave_them_what_they_are(
    postgres, monkeypatch
):
    monkeypatch.setattr(_begun, "HOLD", 60.0)
    async with opened(with_options(postgres, "pool_size=1")) as store:
        await make_effects(store)
        await follow_each_other(store)
        await store.statistics()
        turn = await store.acquire("test")
        await write(turn, "undone")
        await turn.rollback()

        assert "undone" not in await effects(store)


async def test_a_full_pool_is_an_outage_after_a_while_and_keeps_nobody_from_claiming(postgres):
    async with opened(with_options(postgres, "pool_size=1&timeout=0.3")) as store:
        await make_effects(store)
        await store.append([outgoing("m")])
        holder = await store.acquire("holder")
        await write(holder, "held")
        turn = await store.acquire("shop.bill")
        with pytest.raises(StoreUnavailable, match="all 1 connections were in use"):
            await write(turn, "late")
        await turn.rollback()

        (claimed,) = await store.claim([demand()])
        assert await store.settle([(claimed, ACK)]) == 0
        assert await store.renew()
        await commit(holder)


async def test_a_batch_of_settlements_beside_a_transaction_is_written_at_once(postgres):
    async with opened(postgres) as store:
        await store.append([outgoing(str(number)) for number in range(100)])
        claimed = await store.claim([demand()])
        done, lost = [], []
        for one in claimed:
            store.settle_soon(one, RELEASE, lambda: done.append(1), lost.append)
        with trio.fail_after(10):
            while len(done) < 100:  # noqa: ASYNC110  what tells of it is a count
                await trio.sleep(0.001)

        assert lost == []
        assert len(await store.claim([demand()])) == 100


async def test_the_drivers_connection_is_lent_inside_the_transaction(postgres):
    async with opened(postgres) as store:
        await make_effects(store)
        turn = await store.acquire("shop.bill")
        lent = turn.connection
        assert await lent.execute("INSERT INTO effects VALUES ($1)", "a") == "INSERT 0 1"
        await lent.copy_records_to_table("effects", records=[("b",), ("c",)])
        assert [row["name"] for row in await lent.fetch("SELECT name FROM effects")] == [*"abc"]
        assert (await lent.fetchrow("SELECT count(*) FROM effects"))[0] == 3
        with pytest.raises(StatementRefused, match=r"shop\.bill"):
            await lent.execute("COMMIT")
        await turn.rollback()

        assert await effects(store) == []


async def test_a_statement_with_parameters_by_name_is_refused(postgres):
    async with opened(postgres) as store:
        turn = await store.acquire("shop.bill")
        with pytest.raises(StatementRefused, match=r"\$1"):
            await turn.execute("SELECT :a", {"a": 1})
        await turn.rollback()


async def test_a_closed_store_commits_what_was_finished(postgres):
    listener = Listener()
    async with opened(postgres) as store:
        await make_effects(store)
        turn = await store.acquire("test")
        await write(turn, "a")
        await turn.append([outgoing("m")])
        await turn.finish(listener)
    assert listener.told == [None]

    async with opened(postgres) as store:
        assert await effects(store) == ["a"]
        assert names(await store.claim([demand()])) == ["m"]


async def test_arguments_that_do_not_fit_are_undone_alone_and_cost_no_connection(postgres):
    """Nothing was sent: the transaction goes on behind the savepoint, on the same connection."""
    async with opened(postgres) as store:
        await make_effects(store)
        turn = await store.acquire("shop.bill")
        await write(turn, "kept")
        for arguments, error in ((("a", "b"), asyncpg.InterfaceError), ((1,), asyncpg.DataError)):
            with pytest.raises(error):
                async with turn.savepoint():
                    await turn.execute("INSERT INTO effects VALUES ($1)", arguments)
        await commit(turn)

        assert await effects(store) == ["kept"]
        assert store.connection_statistics()["connections_thrown_away"] == 0


async def test_a_settlement_that_comes_too_late_costs_no_connection(postgres):
    async with opened(postgres) as store:
        await make_effects(store)
        await store.append([outgoing("m")])
        (claimed,) = await store.claim([demand()])
        await store.settle([(claimed, RELEASE)])
        for settled in ([ACK], [ACK, RELEASE]):
            turn = await store.acquire("shop.bill")
            await write(turn, "undone")
            for settlement in settled:
                await turn.settle(claimed, settlement)
            with pytest.raises(StaleClaim):
                await commit(turn)

        assert await effects(store) == []
        assert store.connection_statistics()["connections_thrown_away"] == 0
