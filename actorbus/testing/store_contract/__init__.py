"""What every store keeps to, as a suite to inherit from.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def clock(self) -> ManualClock: ...

        @pytest.fixture
        def open_store(self, clock) -> OpenStore: ...     # open_store() -> async context manager

`open_store()` opens a store as a process of the given name; a store that several processes share
opens the same data each time, and passes `SharedStoreContract` too. The database understands
`CREATE TABLE effects (name TEXT)` and plain INSERT and SELECT; placeholders are `$1`.

`OneWriterContract` is for stores whose transactions take turns at one writer and share its commits;
those of a database server run side by side, each with a commit of its own.

What it cannot catch: durability, and what another program does to the database. Those tests are the
driver's own.
"""

from actorbus.testing.store_contract._broker import BrokerContract, SharedBrokerContract
from actorbus.testing.store_contract._error_channels import ErrorChannelContract
from actorbus.testing.store_contract._one_writer import OneWriterContract as OneWriterContract
from actorbus.testing.store_contract._ordering import OrderingContract
from actorbus.testing.store_contract._parking import ParkingContract
from actorbus.testing.store_contract._pausing import PausingContract
from actorbus.testing.store_contract._relaying import RelayingContract
from actorbus.testing.store_contract._replies import RepliesContract
from actorbus.testing.store_contract._schedules import SchedulesContract
from actorbus.testing.store_contract._sending import SendingContract
from actorbus.testing.store_contract._settling import SettlingContract
from actorbus.testing.store_contract._sharing import SharingContract
from actorbus.testing.store_contract._steps import OpenStore as OpenStore
from actorbus.testing.store_contract._supervision import SupervisionContract
from actorbus.testing.store_contract._turns import TurnsContract

__all__ = ["OneWriterContract", "OpenStore", "SharedStoreContract", "StoreContract"]


class StoreContract(
    SendingContract,
    SettlingContract,
    ErrorChannelContract,
    TurnsContract,
    PausingContract,
    ParkingContract,
    SchedulesContract,
    SupervisionContract,
    OrderingContract,
    BrokerContract,
    RelayingContract,
):
    """One process on a store."""


class SharedStoreContract(StoreContract, SharingContract, RepliesContract, SharedBrokerContract):
    """Several processes on one store."""
