"""Settlements that a PostgreSQL which works refuses, among many that it takes."""

import psycopg
import pytest
import trio

from actorbus._settlement import ACK
from actorbus._store import SettlementRefused, StoreError, StoreUnavailable
from actorbus.stores.postgresql import PostgresStore
from actorbus.testing import demand, outgoing, process

REFUSE = """
CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'not this one';
END $$;
CREATE TRIGGER refuse BEFORE DELETE ON actorbus_messages
    FOR EACH ROW WHEN (old.message_id = 'm13') EXECUTE FUNCTION refuse();
ALTER TABLE actorbus_messages ADD CHECK (message_id <> 'wrong');
"""


@pytest.fixture
async def store(postgres):
    store = PostgresStore(postgres)
    await store.open(process())
    with psycopg.connect(postgres) as connection:
        connection.execute(REFUSE)
    yield store
    await store.close()


async def test_of_many_that_are_settled_together_one_that_is_refused_harms_itself_alone(store):
    await store.append([outgoing(f"m{number}") for number in range(50)])
    told, all_told = {}, trio.Event()

    def tell(name, what):
        told[name] = what
        if len(told) == 50:
            all_told.set()

    for claimed in await store.claim([demand(50)]):
        name = claimed.message_id
        store.settle_soon(
            claimed, ACK, lambda name=name: tell(name, None), lambda e, name=name: tell(name, e)
        )
    with trio.fail_after(20):
        await all_told.wait()

    refused = {name: error for name, error in told.items() if error is not None}
    assert list(refused) == ["m13"]
    assert isinstance(refused["m13"], StoreUnavailable)
    assert "not this one" in str(refused["m13"])


async def test_what_waits_for_its_settlement_hears_that_it_is_refused(store):
    await store.append([outgoing("m13")])
    with pytest.raises(SettlementRefused, match="not this one"):
        await store.settle([(claimed, ACK) for claimed in await store.claim([demand()])])


async def test_a_row_that_the_database_refuses_is_no_outage(store):
    """It would be refused again and again: whoever sends it hears so."""
    with pytest.raises(StoreError, match="refuses a row") as caught:
        await store.append([outgoing("wrong")])
    assert not isinstance(caught.value, StoreUnavailable)
