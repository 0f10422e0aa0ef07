"""The store contract on PostgreSQL: several processes on one database."""

from contextlib import asynccontextmanager

import psycopg
import pytest

from actorbus.stores.postgresql import PostgresStore
from actorbus.testing import ManualClock, process
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

_STILL = """
    CREATE TABLE test_clock (now DOUBLE PRECISION NOT NULL);
    INSERT INTO test_clock VALUES ({now});
    CREATE OR REPLACE FUNCTION actorbus_now() RETURNS DOUBLE PRECISION
    LANGUAGE sql VOLATILE AS 'SELECT now FROM test_clock'
"""


class DatabasesClock(ManualClock):
    """The database's clock in the hands of a test; that of this machine goes with it.

    The machine's wall clock is nothing to a store that is ruled by the database's.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._connection = psycopg.connect(url, autocommit=True)

    def stand_still(self) -> None:
        """Rule a store that has been made."""
        self._connection.execute(_STILL.format(now=self.wall_time))

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._connection.execute("UPDATE test_clock SET now = now + %s", (seconds,))

    def set_wall(self, wall: float) -> None:
        """Set this machine's clock, which nothing of a store's reads."""

    def reboot(self, boot_id: str = "second boot") -> None:
        """Start this machine again. It takes longer than a lease."""
        self.advance(60.0)
        super().reboot(boot_id)

    def close(self) -> None:
        self._connection.close()


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
