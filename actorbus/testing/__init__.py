"""For tests of what is built on the bus, and of third-party drivers.

harness, BusHarness                  a bus in a plain test, in memory, on virtual time
Sent, Span, Waiting                  what such a test is told of messages

StoreContract, SharedStoreContract, OneWriterContract   the suites that stores pass
ManualClock                          a store's clock in the hands of a test
outgoing, process, demand, failure   small things that such tests need
"""

from actorbus.testing._clock import ManualClock as ManualClock
from actorbus.testing._harness import BusHarness as BusHarness
from actorbus.testing._harness import harness as harness
from actorbus.testing._life import Sent as Sent
from actorbus.testing._life import Span as Span
from actorbus.testing._store_samples import Listener as Listener
from actorbus.testing._store_samples import demand as demand
from actorbus.testing._store_samples import failure as failure
from actorbus.testing._store_samples import names as names
from actorbus.testing._store_samples import outgoing as outgoing
from actorbus.testing._store_samples import process as process
from actorbus.testing._waiting import Waiting as Waiting
from actorbus.testing.store_contract import OneWriterContract as OneWriterContract
from actorbus.testing.store_contract import OpenStore as OpenStore
from actorbus.testing.store_contract import SharedStoreContract as SharedStoreContract
from actorbus.testing.store_contract import StoreContract as StoreContract

__all__ = [
    "BusHarness",
    "Sent",
    "Span",
    "Waiting",
    "harness",
    "Listener",
    "ManualClock",
    "OpenStore",
    "OneWriterContract",
    "SharedStoreContract",
    "StoreContract",
    "demand",
    "failure",
    "names",
    "outgoing",
    "process",
]
