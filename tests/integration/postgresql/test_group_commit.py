"""Handlers' transactions that share a commit of PostgreSQL's, and what cuts them apart."""

from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import psycopg
import pytest
import trio
import trio.lowlevel

from actorbus import ActorBus, Headers, Transaction
from actorbus._settlement import ACK, RELEASE
from actorbus._store import GroupLost, StaleClaim, StoreUnavailable
from actorbus.stores.postgresql import PostgresStore
from actorbus.stores.postgresql._group import limits
from actorbus.testing import process
from actorbus.testing._store_samples import Listener, demand, names, outgoing
from actorbus.testing.store_contract._steps import (
    claim_one,
    commit,
    effects,
    make_effects,
    write,
)

DEFERRED = """
CREATE TABLE parents (id INTEGER PRIMARY KEY);
CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
"""
LEFT = "SELECT count(*) FROM actorbus_messages"
ASLEEP = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
ROW = "UPDATE effects SET name = name WHERE name = 'row'"


@asynccontextmanager
async def opened(url, lasts=10.0):
    """Open a store whose groups last so many seconds; 0.02 are too few for a busy machine."""
    store = PostgresStore(url)
    await store.open(process("first", 60.0))
    parts = store._parts
    assert parts is not None
    parts.groups.lasts = lasts
    try:
        await make_effects(store)
        yield store
    finally:
        await store.close()


def turn_of(store):
    return store.acquire("shop.bill", group=10)


def groups(store):
    found = store.connection_statistics()
    return found["group_commits"], found["group_members"], found["group_members_cut"]


async def until_one_waits(store, count=1):
    """Wait for somebody to be in line for the connection."""
    [line] = store._parts.groups._lines.values()
    while line._waiting < count:
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def one_done(store):
    """Give the turn that has the connection, behind one that is done and not yet committed."""
    done, holder = await turn_of(store), await turn_of(store)
    await write(done, "done")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, holder, "holder")
        await until_one_waits(store)
        listener = Listener()
        await done.finish(listener)
    yield holder, listener


async def test_turns_of_an_endpoint_share_a_commit(postgres):
    """Who waits for the connection joins; when nobody does, it is committed."""
    async with opened(postgres) as store:
        async with one_done(store) as (holder, listener):
            await commit(holder)
            await listener.wait()

        assert await effects(store) == ["done", "holder"]
        assert groups(store) == (1, 2, 0)


async def test_a_turn_that_nobody_waits_for_is_committed_at_once(postgres):
    async with opened(postgres) as store:
        for name in "ab":
            turn = await turn_of(store)
            await write(turn, name)
            await commit(turn)

        assert groups(store) == (2, 2, 0)


async def test_a_turn_alone_shares_nothing(postgres):
    async with opened(postgres) as store:
        turn = await store.acquire("shop.bill", alone=True, group=10)
        await write(turn, "alone")
        await commit(turn)

        assert await effects(store) == ["alone"]
        assert groups(store) == (0, 0, 0)


async def test_what_is_undone_takes_nothing_with_it(postgres):
    async with opened(postgres) as store:
        async with one_done(store) as (holder, listener):
            await holder.rollback()
            await listener.wait()

        assert await effects(store) == ["done"]
        assert groups(store) == (1, 1, 0)


async def test_a_mistake_of_one_stays_its_own(postgres):
    """The driver's error, not GroupLost: it is judged as ever."""
    async with opened(postgres) as store:
        async with one_done(store) as (holder, listener):
            with pytest.raises(asyncpg.UndefinedTableError):
                await holder.execute("INSERT INTO missing VALUES (1)")
            await holder.rollback()
            await listener.wait()

        assert await effects(store) == ["done"]


async def test_who_waits_for_a_lock_is_cut(postgres):
    """And the others are committed, while the lock is still held."""
    async with opened(postgres) as store:
        setup = await store.acquire("test")
        await write(setup, "row")
        await commit(setup)
        other = await store.acquire("other")
        await other.execute(ROW)
        turn = await turn_of(store)
        with pytest.raises(GroupLost, match=r"shop\.bill.*lost against another"):
            await turn.execute(ROW)
        await turn.rollback()
        async with one_done(store) as (holder, listener):
            with pytest.raises(GroupLost):
                await holder.execute(ROW)
            await holder.rollback()
            await listener.wait()
        assert sorted(await effects(store)) == ["done", "row"]
        await other.rollback()


async def test_who_is_slow_is_cut_when_others_wait(postgres):
    """Its next statement says so; alone it takes as long as it likes."""
    async with opened(postgres, lasts=0.3) as store:
        async with one_done(store) as (holder, listener):
            await listener.wait()
            with pytest.raises(GroupLost, match="shop.bill"):
                await write(holder, "late")
            await holder.rollback()

        assert await effects(store) == ["done"]
        assert groups(store) == (1, 1, 1)


async def test_a_slow_one_on_whom_nobody_waits_is_not_cut(postgres):
    """Others do not wait for it either: they have transactions of their own."""
    async with opened(postgres, lasts=0.3) as store:
        slow, other = await turn_of(store), await turn_of(store)
        await write(slow, "slow")
        await write(other, "other")
        await commit(other)
        assert await effects(store) == ["other"]
        await commit(slow)

        assert sorted(await effects(store)) == ["other", "slow"]
        assert groups(store) == (1, 1, 0)


async def test_a_settlement_that_comes_too_late_undoes_its_turn_alone(postgres):
    async with opened(postgres) as store:
        await store.append([outgoing("cause")])
        claimed = await claim_one(store)
        assert await store.settle([(claimed, RELEASE)]) == 0
        late = Listener()
        async with one_done(store) as (holder, listener):
            await holder.settle(claimed, ACK)
            await holder.finish(late)
            with pytest.raises(StaleClaim):
                await late.wait()
            await listener.wait()

        assert await effects(store) == ["done"]
        assert names(await store.claim([demand()])) == ["cause"]


async def test_a_full_group_is_committed_while_others_wait(postgres):
    """The third one begins the next group."""

    async def do(turn, name):
        await write(turn, name)
        await commit(turn)

    async with opened(postgres) as store:
        first, second, third = [await store.acquire("shop.bill", group=2) for _ in range(3)]
        await write(first, "first")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(do, second, "second")
            await until_one_waits(store, 1)
            nursery.start_soon(do, third, "third")
            await until_one_waits(store, 2)
            await commit(first)

        assert await effects(store) == ["first", "second", "third"]
        assert groups(store) == (2, 3, 0)


async def test_a_statement_that_is_cancelled_loses_its_group_to_be_run_again(postgres):
    """Nobody knows what the connection does; the next group has another one."""
    async with opened(postgres) as store:
        store._parts.groups.limits = limits(5.0, 60.0)
        async with one_done(store) as (holder, listener):
            with psycopg.connect(postgres, autocommit=True) as watcher:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(holder.execute, "SELECT pg_sleep(60)")
                    while not watcher.execute(ASLEEP).fetchone():  # noqa: ASYNC110  in the database
                        await trio.sleep(0.01)
                    nursery.cancel_scope.cancel()
            with pytest.raises(GroupLost, match="group_commit"):
                await listener.wait()
            await holder.rollback()
        await write(again := await turn_of(store), "again")
        await commit(again)

        assert await effects(store) == ["again"]


async def test_a_connection_that_is_killed_loses_its_group_and_no_other_one(postgres):
    async with opened(postgres) as store:
        async with one_done(store) as (holder, listener):
            [[pid]] = await holder.fetch("SELECT pg_backend_pid()")
            with psycopg.connect(postgres, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            with pytest.raises(StoreUnavailable):
                await write(holder, "late")
            with pytest.raises(GroupLost, match="group_commit"):
                await listener.wait()
            await holder.rollback()
        await write(again := await turn_of(store), "again")
        await commit(again)

        assert await effects(store) == ["again"]


async def test_a_commit_that_fails_loses_all_of_its_group(postgres):
    """A deferred constraint is found by the commit: whose it is, the turns will show, alone."""
    async with opened(postgres) as store:
        setup = await store.acquire("test")
        for statement in DEFERRED.strip().split(";")[:2]:
            await setup.execute(statement)
        await commit(setup)
        last = Listener()
        async with one_done(store) as (holder, listener):
            await holder.execute("INSERT INTO children VALUES (1)")
            await holder.finish(last)
            for each in (listener, last):
                with pytest.raises(GroupLost, match="group_commit"):
                    await each.wait()

        assert await effects(store) == []


@dataclass(frozen=True)
class Touch:
    """Write to a row."""

    row: str


async def test_a_message_that_is_cut_runs_again_alone_and_uncounted(postgres):
    """Its lock is another program's: the others do not wait for it, and it is handled once."""
    bus = ActorBus("shop", postgres)
    bus.add_channel("work", group_commit=10)
    starts, blocked = [], trio.Event()

    @bus.command_handler(channel="work", endpoint_id="touch")
    async def touch(command: Touch, headers: Headers, tx: Transaction) -> None:
        starts.append((command.row, headers.attempt))
        if starts.count(("held", 1)) > 1:
            blocked.set()
        await tx.execute("UPDATE touched SET times = times + 1 WHERE row = $1", command.row)

    with psycopg.connect(postgres, autocommit=True) as watcher, psycopg.connect(postgres) as other:
        watcher.execute("CREATE TABLE touched (row TEXT PRIMARY KEY, times INTEGER)")
        watcher.execute("INSERT INTO touched VALUES ('held', 0), ('free', 0)")
        other.execute("SELECT 1 FROM touched WHERE row = 'held' FOR UPDATE")
        async with bus.running():
            for row in ("held", *["free"] * 20):
                await bus.commands.send(Touch(row))
            with trio.fail_after(30):
                await blocked.wait()
            other.rollback()
            with trio.fail_after(30):
                while watcher.execute(LEFT).fetchone() != (0,):  # noqa: ASYNC110  in the database
                    await trio.sleep(0.01)
        found = dict(watcher.execute("SELECT row, times FROM touched").fetchall())
        failures = watcher.execute("SELECT count(*) FROM actorbus_failures").fetchone()

    assert found == {"held": 1, "free": 20}
    assert {attempt for _, attempt in starts} == {1}
    assert failures == (0,)
