"""The store contract on PostgreSQL: several processes on one database."""

from contextlib import asynccontextmanager

import pytest

from actorbus.stores.postgresql import PostgresStore
from actorbus.testing import SharedStoreContract, process
from tests.contract.postgresql_clock import DatabasesClock


@pytest.fixture
async def clock(postgres):
    """A database with the tables of a store, and its clock."""
    store = PostgresStore(postgres)
    await store.open(process("maker"))
    await store.close()
    clock = DatabasesClock(postgres)
    clock.stand_still()
    yield clock
    clock.close()


class TestDatabase(SharedStoreContract):
    @pytest.fixture
    def open_store(self, postgres, clock):
        @asynccontextmanager
        async def open_store(name="first", *, lease=10.0, largest_body=1_000_000):
            store = PostgresStore(postgres, clock=clock)
            await store.open(process(name, lease, largest_body))
            try:
                yield store
            finally:
                await store.close()

        return open_store
