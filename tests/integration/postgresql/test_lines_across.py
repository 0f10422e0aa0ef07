"""Handlers of ordering keys that send to each other's keys, at the same time."""

import pytest

from actorbus._settlement import ACK, Retry
from actorbus.stores.postgresql import PostgresStore
from actorbus.testing import Listener, failure, names, outgoing, process
from actorbus.testing._store_samples import demand

KEYS = [f"key {number}" for number in range(8)]
SKIPPED = Retry(1000.0, failure(), gives_up_turn=True)
"""Not the settlement that goes with the COMMIT."""


@pytest.fixture
async def store(postgres):
    store = PostgresStore(postgres)
    await store.open(process())
    yield store
    await store.close()


@pytest.mark.parametrize("settlement", [ACK, SKIPPED], ids=["handled", "skipped"])
async def test_they_never_wait_for_each_other_in_a_ring(store, settlement):
    """Each locks the keys of all that it sends and settles, in one order, before it does either."""
    await store.append([outgoing(key, ordering_key=key) for key in KEYS])
    for turn in range(10):
        claimed = await store.claim([demand()])
        assert len(claimed) == len(KEYS)
        listeners = []
        for place, one in enumerate(claimed):
            transaction = await store.acquire("test")
            key = claimed[place - 1].ordering_key
            await transaction.append([outgoing(f"{key}, {turn}", ordering_key=key)])
            await transaction.settle(one, settlement)
            listeners.append(Listener())
            await transaction.finish(listeners[-1])
        for listener in listeners:
            await listener.wait()  # raises if it was lost

    assert sorted(names(await store.claim([demand()]))) == [f"{key}, 9" for key in KEYS]
