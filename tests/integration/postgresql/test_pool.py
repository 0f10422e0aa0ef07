"""The pool of a PostgreSQL store, where a commit may hand its connection on in a transaction."""

import asyncio

import asyncpg

from actorbus.stores.postgresql._pool import Pool
from tests.services._kafka import in_asyncio


def test_a_connection_that_was_handed_on_begun_is_not_taken_for_begun_again(postgres):
    """Who only reads ends that transaction; what the next one writes would commit by itself."""

    async def read_then_write():
        pool = Pool(lambda: asyncpg.connect(postgres), 1, 10.0, "test")
        connection = await pool.acquire()
        reader = asyncio.create_task(read(pool))
        while not pool.waiting:  # noqa: ASYNC110  it waits at once, and tells nobody
            await asyncio.sleep(0)
        await connection.execute("BEGIN")
        handed_on = pool.release_begun(connection)
        in_transaction = await reader
        again = await pool.acquire()
        found = handed_on, in_transaction, again is connection, pool.is_begun(again)
        pool.release(again)
        await pool.close()
        return found

    assert in_asyncio(read_then_write) == (True, False, True, False)


async def read(pool):
    """Return whether the connection that one is lent is in a transaction already."""
    async with pool.use() as connection:
        return connection.is_in_transaction()
