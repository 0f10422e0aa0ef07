"""A PostgreSQL that goes away, says nothing, or is behind a pooler; other processes that come."""

import time
from contextlib import asynccontextmanager

import psycopg
import pytest
import trio

from actorbus._settlement import ACK
from actorbus._store import (
    NotAStore,
    SchemaTooNew,
    StoreRefused,
    StoreReplaced,
    StoreUnavailable,
)
from actorbus.stores import open_store
from actorbus.stores.postgresql import PostgresStore
from actorbus.testing import process
from actorbus.testing._store_samples import CHANNEL, Listener, demand, names, outgoing
from actorbus.testing.store_contract._steps import commit, effects, make_effects, write


@asynccontextmanager
async def opened(url, name="first", lease=10.0):
    store = PostgresStore(url)
    await store.open(process(name, lease))
    try:
        yield store
    finally:
        await store.close()


def behind(proxy, url, options):
    """Return the URL of the database as it is reached through a proxy."""
    database = url.rpartition("/")[2].partition("?")[0]
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}?{options}"


async def until(condition, seconds=10.0):
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110  what tells of it is a count
            await trio.sleep(0.005)


# -- schema ---------------------------------------------------------------------------------


async def test_processes_that_start_at_once_make_the_tables_once(postgres):
    stores = [PostgresStore(postgres) for _ in range(6)]
    async with trio.open_nursery() as nursery:
        for number, store in enumerate(stores):
            nursery.start_soon(store.open, process(str(number)))

    assert all(store.has_data_of(stores[0]) for store in stores)
    assert len(await stores[0].processes()) == 6
    for store in stores:
        await store.close()


async def test_the_tables_of_a_newer_version_are_refused_and_left_alone(postgres):
    async with opened(postgres):
        pass
    with psycopg.connect(postgres) as connection:
        connection.execute("UPDATE actorbus_schema SET version = 99")

    with pytest.raises(SchemaTooNew, match="version 99"):
        await PostgresStore(postgres).open(process())
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT version FROM actorbus_schema").fetchall() == [(99,)]


async def test_a_table_of_that_name_that_is_somebody_elses_is_refused(postgres):
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE actorbus_schema (other TEXT)")

    with pytest.raises(NotAStore):
        await PostgresStore(postgres).open(process())


async def test_stores_in_two_schemas_know_nothing_of_each_other(postgres):
    join = "&" if "?" in postgres else "?"
    async with (
        opened(f"{postgres}{join}schema=one", "a") as one,
        opened(f"{postgres}{join}schema=Two words", "b") as two,
    ):
        await one.append([outgoing("m")])

        assert not one.has_data_of(two)
        assert await two.claim([demand()]) == []
        assert names(await one.claim([demand()])) == ["m"]


async def test_a_store_knows_whether_it_is_there(postgres):
    assert not PostgresStore(postgres).exists()
    async with opened(postgres) as store:
        assert store.exists()


async def test_another_store_in_its_place_is_not_taken(postgres):
    async with opened(postgres) as store:
        with psycopg.connect(postgres) as connection:
            connection.execute("UPDATE actorbus_schema SET store_id = 'another'")
        with pytest.raises(StoreReplaced):
            await store.reopen()
        with psycopg.connect(postgres) as connection:
            connection.execute("DELETE FROM actorbus_messages")


# -- outages --------------------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_an_outage_without_its_password():
    store = open_store("postgresql://me:secret@127.0.0.1:1/shop?timeout=2")
    with pytest.raises(StoreUnavailable) as caught:
        await store.open(process())

    assert "secret" not in str(caught.value)


async def test_a_database_that_is_not_there_is_refused(postgres):
    store = PostgresStore(postgres.replace("/test_", "/no_such_"))
    with pytest.raises(StoreRefused, match="no such database"):
        await store.open(process())


async def test_connections_that_the_server_ended_are_made_anew(postgres, postgres_server):
    async with opened(postgres) as store:
        await make_effects(store)
        turn = await store.acquire("shop.bill")
        await write(turn, "undone")
        postgres_server.terminate_backends(f"datname = '{postgres.rpartition('/')[2]}'")

        with pytest.raises(StoreUnavailable):
            await write(turn, "late")
        await turn.rollback()
        await _until_it_works(lambda: store.append([outgoing("m")]))
        assert names(await store.claim([demand()])) == ["m"]
        assert await effects(store) == []


async def _until_it_works(call):
    with trio.fail_after(10):
        while True:
            try:
                return await call()
            except StoreUnavailable:
                await trio.sleep(0.01)


async def test_settlements_outlive_an_outage(own_postgres, own_postgres_server):
    async with opened(own_postgres) as store:
        await store.append([outgoing("m")])
        claimed = await store.claim([demand()])
        told = []
        own_postgres_server.stop()
        store.settle_soon(claimed[0], ACK, lambda: told.append("done"), told.append)
        with pytest.raises(StoreUnavailable):
            await store.poll()
        assert told == []
        own_postgres_server.start()
        await _until_it_works(store.poll)
        await until(lambda: told)

        assert told == ["done"]


async def test_a_server_that_says_nothing_hangs_nobody(own_postgres, own_postgres_server, proxy_to):
    proxy = proxy_to(own_postgres_server)
    url = behind(proxy, own_postgres, "timeout=0.5&statement_timeout=0.5&pool_size=2")
    async with opened(url) as store:
        await make_effects(store)
        turn, listener = await store.acquire("shop.bill"), Listener()
        finished = await store.acquire("shop.pay")
        await write(turn, "undone")
        await write(finished, "lost")
        await store.append([outgoing("m")])
        proxy.hold()
        with trio.fail_after(10):
            await finished.finish(listener)
            with pytest.raises(StoreUnavailable):
                await listener.wait()
            with pytest.raises(StoreUnavailable):
                await write(turn, "late")
            await turn.rollback()
            for call in (store.poll, store.renew, store.statistics):
                with pytest.raises(StoreUnavailable):
                    await call()
            with pytest.raises(StoreUnavailable):
                await store.claim([demand()])
        proxy.forward()
        await _until_it_works(store.poll)
        with trio.fail_after(10):
            claimed = []
            while not claimed:
                claimed = await _until_it_works(lambda: store.claim([demand()]))

        assert names(claimed) == ["m"]


async def test_a_claim_that_was_made_but_not_heard_of_is_not_kept(postgres, monkeypatch):
    """It is committed once its answer is here: nobody holds what nobody knows of."""
    async with opened(postgres, "first") as first, opened(postgres, "second") as second:
        await second.append([outgoing("m")])
        claims = first._open_parts().claims

        async def claim_and_lose_the_answer(connection, demands):
            await type(claims).claim(claims, connection, demands)
            raise ConnectionResetError

        monkeypatch.setattr(claims, "claim", claim_and_lose_the_answer)
        with pytest.raises(StoreUnavailable):
            await first.claim([demand()])
        claimed = []
        with trio.fail_after(15):
            while not (claimed := await second.claim([demand()])):  # noqa: ASYNC110  the server's
                await trio.sleep(0.02)

        assert (names(claimed), claimed[0].suspect) == (["m"], False)


async def test_a_claim_whose_answer_was_lost_is_given_back(
    own_postgres, own_postgres_server, proxy_to
):
    """Otherwise it would be this process's, which knows nothing of it, until it ends."""
    proxy = proxy_to(own_postgres_server)
    async with (
        opened(behind(proxy, own_postgres, "timeout=0.5"), "first") as first,
        opened(own_postgres, "second") as second,
    ):
        await second.append([outgoing(name) for name in "abc"])
        proxy.hold()
        with pytest.raises(StoreUnavailable):
            await first.claim([demand()])
        proxy.forward()
        await _until_it_works(first.poll)
        claimed = []
        with trio.fail_after(15):
            while len(claimed) < 3:
                claimed += await second.claim([demand()])
                await trio.sleep(0.02)

        assert sorted(names(claimed)) == ["a", "b", "c"]
        assert not any(one.suspect for one in claimed)


@pytest.mark.parametrize("lost", ["of the claim", "of its commit"])
async def test_a_claim_that_the_server_made_and_this_process_never_heard_of_is_undone(
    postgres, monkeypatch, lost
):
    async with opened(postgres, "first") as first, opened(postgres, "second") as second:
        await second.append([outgoing("m")])
        claims, access = first._parts.claims, first._parts.access
        claim, transaction = claims.claim, access.connections.transaction

        async def claim_unheard(connection, demands):
            await claim(connection, demands)
            raise TimeoutError

        @asynccontextmanager
        async def transaction_unheard(connection):
            async with transaction(connection):
                yield
            raise TimeoutError

        with monkeypatch.context() as patch:
            if lost == "of the claim":
                patch.setattr(claims, "claim", claim_unheard)
            else:
                patch.setattr(access.connections, "transaction", transaction_unheard)
            with pytest.raises(StoreUnavailable):
                await first.claim([demand()])
        claimed = []
        with trio.fail_after(10):
            while not claimed:
                claimed = await second.claim([demand()])

        assert (claimed[0].message_id, claimed[0].suspect) == ("m", False)


async def test_a_blocked_run_loop_does_not_lose_the_lease(postgres):
    async with opened(postgres, "first", 1.0) as first, opened(postgres, "second", 60.0) as second:
        await first.append([outgoing("m")])
        await first.claim([demand()])
        assert await first.renew()
        time.sleep(1.6)  # noqa: ASYNC251  what a handler that blocks does

        assert await second.take_back() == 0
        assert first.lease_holds


# -- wake-up --------------------------------------------------------------------------------


async def test_another_process_is_woken_by_a_notification(postgres):
    heard = trio.Event()
    async with opened(postgres, "first") as first, opened(postgres, "second") as second:
        await until(lambda: second.connection_statistics()["listening"])
        second.on_ready(lambda channels: CHANNEL in channels and heard.set())
        await first.append([outgoing("m")])
        with trio.fail_after(10):
            await heard.wait()

        assert names(await second.claim([demand()])) == ["m"]
        assert first.connection_statistics()["notifications_heard"] == 0


async def test_many_commits_are_few_notifications(postgres):
    async with opened(postgres, "first") as first, opened(postgres, "second") as second:
        await until(lambda: second.connection_statistics()["listening"])
        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(first.append, [outgoing(str(number))])
        await until(lambda: second.connection_statistics()["notifications_heard"])

        assert first.connection_statistics()["notifications_sent"] < 100


async def test_whoever_lost_the_notification_finds_the_messages_by_looking(postgres):
    """What others insert on connections of their own, or what nobody could tell of."""
    async with opened(postgres, "first") as first:
        await until(lambda: first.connection_statistics()["listening"])
        await first.append([outgoing("m")])
        claimed = await first.claim([demand()])
        await first.settle([(claimed[0], ACK)])
        async with opened(postgres, "second") as second:
            second._made_ready = lambda channels: None
            await second.append([outgoing("untold")])
            with trio.fail_after(10):
                while not (await first.poll()).changed:  # noqa: ASYNC110  it is asked
                    await trio.sleep(0.02)

        assert names(await first.claim([demand()])) == ["untold"]


async def test_a_lost_listener_listens_again(postgres, postgres_server):
    async with opened(postgres) as store:
        await until(lambda: store.connection_statistics()["listening"])
        postgres_server.terminate_backends(f"datname = '{postgres.rpartition('/')[2]}'")
        await until(lambda: not store.connection_statistics()["listening"])
        await until(lambda: store.connection_statistics()["listening"])
        assert (await _until_it_works(store.poll)).changed  # who knows what was missed


# -- pooler ---------------------------------------------------------------------------------


async def test_behind_a_transaction_pooler_it_polls_alone(postgres, pgbouncer):
    async with (
        opened(pgbouncer.through(postgres), "pooled") as store,
        opened(postgres, "direct") as direct,
    ):
        await make_effects(store)
        turn = await store.acquire("shop.bill")
        await write(turn, "a")
        await turn.append([outgoing("m")])
        await commit(turn)
        statistics = store.connection_statistics()
        assert (statistics["pooler"], statistics["listening"]) == ("transaction", False)
        assert direct.connection_statistics()["pooler"] == "none"

        assert await effects(store) == ["a"]
        claimed = await store.claim([demand()])
        assert names(claimed) == ["m"]
        assert await store.settle([(claimed[0], ACK)]) == 0
        await direct.append([outgoing("of another")])
        with trio.fail_after(10):
            while not (await store.poll()).changed:  # noqa: ASYNC110  it is asked
                await trio.sleep(0.02)
        assert names(await store.claim([demand()])) == ["of another"]
