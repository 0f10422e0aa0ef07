"""Several programs on one file: locks are waited for, within limits, and shared fairly."""

import sqlite3
from functools import partial
from itertools import pairwise

import pytest
import trio

from actorbus._settlement import ACK
from actorbus._store import StoreLocked
from actorbus.stores import SqliteOptions, SqliteStore
from actorbus.testing import Listener, demand, names, outgoing, process
from tests.faults.store_steps import opened, run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop.db"


@pytest.fixture
def other(path):
    """Another program's connection."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    yield connection
    connection.close()


async def test_a_lock_that_lasts_is_an_outage_that_ends_with_it(path, other):
    async with opened(path) as store:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreLocked, match=r"locked by another program.*lock_timeout"):
            await store.append([outgoing("m")])
        with pytest.raises(StoreLocked):
            await store.acquire("test")
        other.execute("ROLLBACK")
        assert await store.append([outgoing("m")]) == 1
        assert names(await store.claim([demand()])) == ["m"]


async def test_a_short_lock_is_waited_for(path, other):
    """Those in line are served when it is gone."""
    async with opened(path, options=SqliteOptions(lock_timeout=30)) as store:
        other.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.append, [outgoing("m")])
            await trio.sleep(0.05)
            assert await store.statistics() == []
            other.execute("COMMIT")
        assert names(await store.claim([demand()])) == ["m"]


async def test_readers_do_not_wait_for_a_lock(path, other):
    async with opened(path) as store:
        await store.append([outgoing("m")])
        other.execute("BEGIN EXCLUSIVE")
        (queue,) = await store.statistics()
        assert queue.ready == 1
        assert (await store.poll()).next_due is None


async def test_a_settlement_outlives_a_lock(path, other):
    async with opened(path) as store:
        await store.append([outgoing("m")])
        (claimed,) = await store.claim([demand()])
        done = trio.Event()
        other.execute("BEGIN EXCLUSIVE")
        store.settle_soon(claimed, ACK, done.set, lambda _: None)
        with pytest.raises(StoreLocked):
            await store.append([outgoing("n")])
        other.execute("ROLLBACK")
        await store.poll()
        with trio.fail_after(10):
            await done.wait()


async def test_opening_a_locked_store_says_so(path, other):
    async with opened(path):
        pass
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreLocked):
        await SqliteStore(path, SqliteOptions(lock_timeout=0.1)).open(process())


async def test_opening_a_database_that_is_being_changed_says_so(path, other):
    """Before it is a store, and so not in WAL mode."""
    other.execute("CREATE TABLE orders (id INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    store = SqliteStore(path, SqliteOptions(lock_timeout=0.1))
    with pytest.raises(StoreLocked):
        await store.open(process())
    other.execute("ROLLBACK")
    await store.open(process())
    await store.close()


def test_processes_that_make_one_store_at_once_make_it_once(path):
    async def open_and_send(name):
        async with opened(path, name, SqliteOptions(lock_timeout=30)) as store:
            await store.append([outgoing(name)])

    async def all_at_once():
        async with trio.open_nursery() as nursery:
            for number in range(8):
                each = partial(trio.run, open_and_send, str(number))
                nursery.start_soon(trio.to_thread.run_sync, each)
        async with opened(path) as store:
            assert sorted(names(await store.claim([demand()]))) == sorted("01234567")

    trio.run(all_at_once)


def test_writers_of_two_processes_take_turns(path):
    """Neither is starved: what both send one by one is mixed in the store."""

    async def send(name, started):
        async with opened(path, name, SqliteOptions(lock_timeout=30)) as store:
            started(store)
            for number in range(150):
                await store.append([outgoing(f"{name}{number}")])

    async def both():
        async with opened(path):
            pass
        async with trio.open_nursery() as nursery:
            for name in "ab":
                each = partial(trio.run, send, name, lambda _: None)
                nursery.start_soon(trio.to_thread.run_sync, each)
        async with opened(path) as store:
            return [name[0] for name in names(await store.claim([demand(1000)]))]

    order = trio.run(both)
    assert len(order) == 300
    assert sum(first != second for first, second in pairwise(order)) >= 20


def test_a_busy_process_lets_another_one_in(path):
    """One commits without a pause, with turns always in line; the other's few sends arrive."""

    async def be_busy(done):
        async with opened(path, "busy", SqliteOptions(lock_timeout=30)) as store:

            async def work():
                while not done.is_set():
                    turn = await store.acquire("busy")
                    await turn.execute("INSERT INTO effects VALUES (1)")
                    await turn.finish(Listener())
                    await trio.lowlevel.checkpoint()

            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(work)

    async def send():
        async with opened(path, "sender", SqliteOptions(lock_timeout=30)) as store:
            for number in range(20):
                await store.append([outgoing(str(number))])

    async def both():
        import threading

        done = threading.Event()
        async with opened(path) as store:
            await run(store, "CREATE TABLE effects (number INTEGER)")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, partial(trio.run, be_busy, done))
            await trio.to_thread.run_sync(partial(trio.run, send))
            done.set()
        async with opened(path) as store:
            return names(await store.claim([demand(100)]))

    assert len(trio.run(both)) == 20
