"""What operators do to many rows of a PostgreSQL store, from several processes at once."""

from contextlib import AsyncExitStack

import psycopg
import pytest
import trio

from actorbus._settlement import DeadLetter, DeadLetterReason
from actorbus._store import (
    DeadLetterFilter,
    ParkedFilter,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from actorbus.stores.postgresql import PostgresStore, _dead_letters, _retention
from actorbus.testing import demand, failure, outgoing, process

MANY = 10_000
LETTERS = """
INSERT INTO actorbus_dead_letters (
    copy_id, channel, endpoint, tenant, reason, attempts, replays, died_at, priority, enqueued_at,
    message_id, type_name, content_type, correlation_id, timestamp, headers, body, ordering_key
)
SELECT 'copy ' || n, 'orders', 'bill', '', 'permanent error', 1, 0, n, 0, n, 'm' || n, 'shop.Order',
    'application/msgpack', 'm', 0, '{}', repeat('x', 1000)::bytea,
    CASE WHEN n %% 10 = 0 THEN 'key ' || n %% 100 END
FROM generate_series(1, %s::integer) AS n
"""
KEYS = """
INSERT INTO actorbus_handled (endpoint, key, handled_at)
SELECT 'bill', 'key ' || n, actorbus_now() - 100 FROM generate_series(1, %s::integer) AS n
"""
HISTORIES = """
INSERT INTO actorbus_failures (copy_id, attempt, failed_at, exception, exception_message, traceback)
SELECT copy_id, 1, 0, 'shop.Error', '', '' FROM actorbus_dead_letters
"""
EVERYTHING = DeadLetterFilter()


@pytest.fixture
async def stores(postgres):
    """Two processes on one database."""
    async with AsyncExitStack() as stack:
        stores = [PostgresStore(postgres) for _ in range(2)]
        for number, store in enumerate(stores):
            await store.open(process(f"process {number}"))
            stack.push_async_callback(store.close)
        yield stores


@pytest.fixture
def database(postgres, stores):
    with psycopg.connect(postgres, autocommit=True) as connection:
        yield connection


async def in_each(stores, ask):
    """Ask all stores at once; return their answers."""
    answers = []

    async def asking(store) -> None:
        answers.append(await ask(store))

    async with trio.open_nursery() as nursery:
        for store in stores:
            nursery.start_soon(asking, store)
    return answers


def one(database, query):
    ((value,),) = database.execute(query).fetchall()
    return value


async def test_two_processes_replay_ten_thousand_dead_letters_once_each(stores, database):
    """Some in a transaction; in the order of their deaths; of a key one is in turn."""
    database.execute(LETTERS, [MANY])
    counts = await in_each(stores, lambda store: store.replay(EVERYTHING))

    assert sum(counts) == MANY
    assert one(database, "SELECT count(DISTINCT copy_id) FROM actorbus_messages") == MANY
    assert one(database, "SELECT count(*) FROM actorbus_dead_letters") == 0
    largest = "SELECT max(n) FROM (SELECT count(*) AS n FROM actorbus_messages GROUP BY xmin) AS x"
    assert one(database, largest) <= _dead_letters.BATCH
    assert one(database, "SELECT count(*) FROM actorbus_keys WHERE holder IS NOT NULL") == 10
    held = "SELECT count(*) FROM actorbus_messages WHERE state = 'held'"
    assert one(database, held) == MANY / 10 - 10


async def test_a_limit_takes_the_oldest(stores, database):
    database.execute(LETTERS, [MANY])
    count = await stores[0].replay(EVERYTHING, limit=750)

    assert count == 750
    assert one(database, "SELECT min(number) FROM actorbus_dead_letters") == 751


async def test_what_dies_while_others_are_replayed_is_left(stores, database):
    """Or else a replay of what fails at once would not end."""
    database.execute(LETTERS, [1])
    database.execute("""
        CREATE FUNCTION dies() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO actorbus_dead_letters (
                copy_id, channel, endpoint, tenant, reason, attempts, replays, died_at, priority,
                enqueued_at, message_id, type_name, content_type, correlation_id, timestamp,
                headers, body
            ) VALUES ('again', 'orders', 'bill', '', 'no', 1, 1, 1, 0, 1, 'm', 't', 'c', 'm', 0,
                '{}', '');
            RETURN NULL;
        END $$;
        CREATE TRIGGER dies AFTER INSERT ON actorbus_messages FOR EACH ROW EXECUTE FUNCTION dies()
    """)

    assert await stores[0].replay(EVERYTHING) == 1
    assert one(database, "SELECT copy_id FROM actorbus_dead_letters") == "again"


async def test_two_processes_delete_dead_letters_with_their_histories(stores, database):
    database.execute(LETTERS, [MANY])
    database.execute(HISTORIES)
    counts = await in_each(stores, lambda store: store.delete_dead_letters(EVERYTHING))

    assert sum(counts) == MANY
    assert one(database, "SELECT count(*) FROM actorbus_failures") == 0


async def test_two_processes_forget_old_keys_and_no_others(stores, database):
    """Each what the other is not about to forget."""
    database.execute(KEYS, [3 * _retention.BATCH])
    database.execute(
        "INSERT INTO actorbus_handled (endpoint, key, handled_at)"
        " VALUES ('bill', 'new', actorbus_now())"
    )
    counts = await in_each(stores, lambda store: store.purge(50.0))

    assert sum(counts) == 3 * _retention.BATCH
    assert one(database, "SELECT key FROM actorbus_handled") == "new"
    assert sum([(await store.remembered()).forgotten for store in stores]) == sum(counts)


async def test_keys_that_somebody_is_noting_hold_up_no_purge(stores, database, postgres):
    """A row that another transaction has locked is passed over."""
    database.execute(KEYS, [10])
    with psycopg.connect(postgres) as other:
        other.execute("SELECT FROM actorbus_handled WHERE key = 'key 3' FOR UPDATE")
        with trio.fail_after(5):
            assert await stores[0].purge(50.0) == 9


async def test_many_messages_are_held_back_and_let_go_on(stores, database):
    database.execute(LETTERS, [MANY])
    await stores[0].replay(EVERYTHING)
    ready = MANY - (MANY / 10 - 10)
    parked = await in_each(stores, lambda store: store.park("orders", "bill", "nobody has it"))
    resumed = await in_each(stores, lambda store: store.unpark(ParkedFilter(channel="orders")))

    assert (sum(parked), sum(resumed)) == (ready, ready)
    assert one(database, "SELECT count(*) FROM actorbus_messages WHERE state = 'parked'") == 0


@pytest.mark.parametrize("key", ["a\0b", "".join(f"{n * n % 9973:x}" for n in range(3000))])
async def test_a_value_that_the_database_cannot_hold_is_no_outage(stores, key):
    """Who takes it for one tries for ever."""
    with pytest.raises(StoreError, match="cannot hold a value") as refused:
        await stores[0].append([outgoing("odd", deduplication_key=key)])
    assert not isinstance(refused.value, StoreUnavailable | StoreRefused)
    assert await stores[0].append([outgoing("next")]) == 1


async def test_words_that_the_database_cannot_store_are_written_as_escapes(stores):
    """A zero byte, and halves of characters, in what an exception says."""

    store = stores[0]
    await store.append([outgoing("m")])
    (claimed,) = await store.claim([demand()])
    reason = DeadLetterReason.PERMANENT_ERROR
    await store.settle([(claimed, DeadLetter(reason, failure(1, "a\0b\ud800")))])
    letter = await store.dead_letter("copy-m")

    assert letter.exception_message == r"a\x00b\ud800"
    assert letter.failures[0].message == letter.exception_message
