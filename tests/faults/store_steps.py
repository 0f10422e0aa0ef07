"""Steps of the store's fault tests."""

from contextlib import asynccontextmanager, suppress

from actorbus._store import StoreError
from actorbus.stores import SqliteOptions, SqliteStore
from actorbus.testing import Listener, process

QUICK = SqliteOptions(lock_timeout=0.2, tx_limit=0.2)


@asynccontextmanager
async def opened(path, name="first", options=QUICK, clock=None, lease=10.0):
    """Open a store; a trouble that still lasts at its end is no surprise."""
    store = SqliteStore(path, options, clock)
    await store.open(process(name, lease))
    try:
        yield store
    finally:
        with suppress(StoreError):
            await store.close()


async def run(store, sql, *parameters):
    """Commit one statement."""
    turn = await store.acquire("test")
    try:
        await turn.execute(sql, parameters)
        listener = Listener()
        await turn.finish(listener)
    except BaseException:
        await turn.rollback()
        raise
    await listener.wait()


async def rows(store, sql):
    """Return committed rows as tuples."""
    async with await store.snapshot("test") as snapshot:
        return [tuple(row) for row in await snapshot.fetch(sql)]
