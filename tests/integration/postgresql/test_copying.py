"""Many messages stored at once, with COPY: the same rows in the same order, or none."""

import asyncpg
import pytest

from actorbus.stores.postgresql import PostgresStore, _append, _copying
from actorbus.testing import demand, names, outgoing, process
from tests.integration.postgresql.steps import Database, on_database

ROWS = """
    SELECT copy_id, message_id, state, owner, epoch, attempts, suspect, replays, priority,
        expires_at, channel, endpoint,
        tenant, type_name, content_type, correlation_id, causation_id, timestamp, deduplication_key,
        on_failure, headers, body, ordering_key, parked_reason, for_endpoint,
        due_at = enqueued_at AND abs(due_at - actorbus_now()) < 60 AS is_ready_now
    FROM actorbus_messages ORDER BY sequence
"""


def many(last=None):
    copies = [outgoing(f"{number}", tenant=f"{number % 3}") for number in range(_copying.FROM)]
    return copies if last is None else [*copies[:-1], last]


async def stored(sender, copies):
    """Store copies; return their rows, and leave none."""
    assert await _append.append(sender, copies) == (len(copies), {"orders"})
    rows = [tuple(row) for row in await sender.fetch(ROWS)]
    await sender.execute("TRUNCATE actorbus_messages")
    return rows


def test_many_are_stored_as_few_are(postgres, monkeypatch):
    """Column by column, and in order."""

    async def test(database: Database) -> None:
        sender = await database.connect()
        copies = many()
        copied = await stored(sender, copies)
        monkeypatch.setattr(_copying, "FROM", _copying.FROM + 1)
        inserted = await stored(sender, copies)

        assert copied == inserted
        assert [row[-1] for row in copied] == [True] * len(copies)

    on_database(postgres, test)


@pytest.mark.parametrize(
    "change", [{"priority": 1 << 40}, {"message_id": 7}, {"headers": "\ud800"}, {"tenant": "\0"}]
)
def test_a_value_that_cannot_be_stored_is_the_senders_mistake_and_nothing_is_stored(
    postgres, change
):
    async def test(database: Database) -> None:
        sender = await database.connect()
        with pytest.raises((asyncpg.DataError, asyncpg.CharacterNotInRepertoireError)):
            await _append.append(sender, many(outgoing("bad", **change)))

        assert await sender.fetchval("SELECT count(*) FROM actorbus_messages") == 0
        assert len(await stored(sender, many())) == _copying.FROM

    on_database(postgres, test)


async def test_many_are_stored_through_a_transaction_pooler(postgres, pgbouncer):
    """Which gives each transaction a connection on which nothing is prepared."""
    store = PostgresStore(pgbouncer.through(postgres))
    await store.open(process("first", 60.0))
    try:
        for _ in range(2):
            assert await store.append(many()) == _copying.FROM
        claimed = await store.claim([demand(2 * _copying.FROM, None)])
    finally:
        await store.close()

    assert sorted(names(claimed)) == sorted(2 * [copy.message_id for copy in many()])
