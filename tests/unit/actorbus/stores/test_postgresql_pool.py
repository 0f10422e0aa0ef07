"""Connections that come back in a new transaction: who gets them, and when they are rolled back."""

import asyncio
from functools import wraps

import pytest

from actorbus.stores.postgresql import _begun
from actorbus.stores.postgresql._pool import Pool


class Connection:
    """Keeps what was executed; `fails` is what a statement raises."""

    def __init__(self, fails: Exception | None = None):
        self.executed: list[str] = []
        self.rolled_back = asyncio.Event()
        self.is_inside = False
        self._fails = fails
        self._is_closed = False

    async def execute(self, sql):
        await asyncio.sleep(0)
        if self._fails is not None:
            raise self._fails
        self.executed.append(sql)
        self.is_inside = False
        self.rolled_back.set()

    def is_closed(self):
        return self._is_closed

    def is_in_transaction(self):
        return self.is_inside

    def terminate(self):
        self._is_closed = True
        self.rolled_back.set()

    async def close(self, timeout):
        self.terminate()


def pool_of(*connections):
    made = iter(connections)

    async def connect():
        return next(made)

    return Pool(connect, len(connections), 5.0, "here")


async def give_back_begun(pool, connection):
    connection.is_inside = True
    assert pool.release_begun(connection)


def run(function):
    """Run a test on a loop of its own."""

    @wraps(function)
    def test():
        asyncio.run(function())

    return test


async def a_new_transaction():
    first = Connection()
    pool = pool_of(first)
    await give_back_begun(pool, await pool.acquire_to_begin())
    return pool, first


@run
async def test_a_new_transaction_is_for_whoever_begins_one():
    pool, first = await a_new_transaction()

    assert await pool.acquire_to_begin() is first
    assert pool.is_begun(first)
    assert not pool.is_begun(first)
    assert first.executed == []
    await pool.close()


@run
async def test_who_takes_a_connection_for_anything_else_gets_it_outside_of_a_transaction():
    pool, first = await a_new_transaction()

    async with pool.use() as connection:
        assert connection.executed == ["ROLLBACK"]
    assert await pool.acquire_to_begin() is first
    assert not pool.is_begun(first)
    await pool.close()


@run
async def test_who_waits_for_a_connection_for_anything_else_gets_it_outside_of_a_transaction():
    first = Connection()
    pool = pool_of(first)
    await pool.acquire_to_begin()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    await give_back_begun(pool, first)

    assert await waiting is first
    assert first.executed == ["ROLLBACK"]
    assert not pool.is_begun(first)
    await pool.close()


@run
async def test_a_new_transaction_that_nobody_wants_is_rolled_back():
    pool, first = await a_new_transaction()

    await first.rolled_back.wait()

    assert first.executed == ["ROLLBACK"]
    assert await pool.acquire_to_begin() is first
    assert not pool.is_begun(first)
    await pool.close()


@run
async def test_one_that_cannot_be_rolled_back_is_thrown_away():
    broken, second = Connection(ConnectionResetError()), Connection()
    pool = pool_of(broken, second)
    await give_back_begun(pool, await pool.acquire_to_begin())

    await broken.rolled_back.wait()

    assert broken.is_closed()
    assert await pool.acquire_to_begin() is second
    assert pool.thrown_away == 1
    await pool.close()


@run
async def test_one_that_was_handed_to_somebody_who_gave_up_goes_to_the_next():
    first = Connection()
    pool = pool_of(first)
    await pool.acquire_to_begin()
    gives_up, second = (asyncio.create_task(pool.acquire_to_begin()) for _ in range(2))
    await asyncio.sleep(0)
    await give_back_begun(pool, first)
    gives_up.cancel()

    assert await second is first
    assert pool.is_begun(first)
    await pool.close()


@run
async def test_one_that_stood_still_for_long_is_not_used():
    first, second = Connection(), Connection()
    pool = pool_of(first, second)
    await give_back_begun(pool, await pool.acquire_to_begin())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_begun, "TOO_OLD", -1.0)

        assert await pool.acquire_to_begin() is second
    assert first.is_closed()
    await pool.close()


@run
async def test_a_pool_that_is_closed_takes_none():
    first = Connection()
    pool = pool_of(first)
    await pool.acquire_to_begin()
    await pool.close()

    assert not pool.release_begun(first)


@run
async def test_they_are_wanted_when_transactions_follow_each_other_closely():
    pool = pool_of(Connection())
    wanted = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_begun, "HOLD", 60.0)
        for _ in range(_begun.ENOUGH + 1):
            connection = await pool.acquire_to_begin()
            wanted.append(pool.wants_begun)
            pool.release(connection)

    assert wanted == [False] * _begun.ENOUGH + [True]
    await pool.close()


@run
async def test_they_are_not_wanted_when_the_next_transaction_is_far_away():
    pool = pool_of(Connection())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_begun, "HOLD", -1.0)
        for _ in range(_begun.ENOUGH + 1):
            pool.release(await pool.acquire_to_begin())

        assert not pool.wants_begun
    await pool.close()


@run
async def test_they_are_wanted_while_somebody_waits():
    pool = pool_of(Connection())
    connection = await pool.acquire_to_begin()
    waiting = asyncio.create_task(pool.acquire_to_begin())
    await asyncio.sleep(0)

    assert pool.wants_begun
    pool.release(connection)
    await waiting
    await pool.close()
