"""The store contract on SQLite: a file that several processes share, and a store in memory."""

from contextlib import asynccontextmanager

import pytest

from actorbus._store import StatementRefused
from actorbus.stores import SqliteOptions, SqliteStore
from actorbus.testing import (
    ManualClock,
    OneWriterContract,
    SharedStoreContract,
    StoreContract,
    process,
)

OPTIONS = SqliteOptions(tx_limit=0.2)


@pytest.fixture
def clock():
    return ManualClock()


class TestFile(SharedStoreContract, OneWriterContract):
    @pytest.fixture
    def open_store(self, tmp_path, clock):
        @asynccontextmanager
        async def open_store(name="first", *, lease=10.0, largest_body=1_000_000):
            store = SqliteStore(tmp_path / "test.db", OPTIONS, clock)
            await store.open(process(name, lease, largest_body))
            try:
                yield store
            finally:
                await store.close()

        return open_store


class TestMemory(StoreContract, OneWriterContract):
    @pytest.fixture
    def open_store(self, clock):
        @asynccontextmanager
        async def open_store(name="first", *, lease=10.0, largest_body=1_000_000):
            store = SqliteStore(None, OPTIONS, clock)
            await store.open(process(name, lease, largest_body))
            try:
                yield store
            finally:
                await store.close()

        return open_store

    @pytest.mark.parametrize("sql", ["ATTACH ':memory:' AS other", "PRAGMA synchronous = OFF"])
    async def test_a_handler_cannot_change_the_connection(self, open_store, sql):
        """It is the next handler's too."""
        async with open_store() as store:
            turn = await store.acquire("shop.bill")
            with pytest.raises(StatementRefused, match=r"shop\.bill"):
                await turn.execute(sql)
            await turn.rollback()
