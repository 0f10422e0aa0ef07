"""The store contract on PostgreSQL: several processes on one database."""

from contextlib import asynccontextmanager

import pytest

from actorbus.stores.postgresql import PostgresStore
from actorbus.testing import process
from actorbus.testing.store_contract._broker import BrokerContract, SharedBrokerContract
from actorbus.testing.store_contract._error_channels import ErrorChannelContract
from actorbus.testing.store_contract._ordering import OrderingContract
from actorbus.testing.store_contract._parking import ParkingContract
from actorbus.testing.store_contract._pausing import PausingContract
from actorbus.testing.store_contract._relaying import RelayingContract
from actorbus.testing.store_contract._replies import RepliesContract
from actorbus.testing.store_contract._schedules import SchedulesContract
from actorbus.testing.store_contract._sending import SendingContract
from actorbus.testing.store_contract._settling import SettlingContract
from actorbus.testing.store_contract._sharing import SharingContract
from actorbus.testing.store_contract._turns import TurnsContract
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


class DatabaseContract(
    SendingContract,
    SettlingContract,
    ErrorChannelContract,
    TurnsContract,
    PausingContract,
    ParkingContract,
    SchedulesContract,
    OrderingContract,
    RelayingContract,
    SharingContract,
    RepliesContract,
    BrokerContract,
    SharedBrokerContract,
):
    """All that a store can."""


class TestDatabase(DatabaseContract):
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
