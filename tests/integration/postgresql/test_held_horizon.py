"""Claims while some transaction keeps the server from clearing away what was handled."""

import asyncio
from math import inf

from actorbus._settlement import ACK, RELEASE
from actorbus._store import Claimed
from actorbus.stores.postgresql import _due
from actorbus.stores.postgresql._due import Due
from actorbus.stores.postgresql._heads import AnyReady, Begins, Heads, ReadyAsked
from actorbus.stores.postgresql._places import Place, Places
from actorbus.stores.postgresql._queries import QUERIES
from actorbus.testing import demand, names, outgoing
from tests.integration.postgresql.plans import Plans
from tests.integration.postgresql.steps import Database, Process, on_database

ANY = demand(100, None)
NOWHERE = Place("", 0, 0.0, 0)
PASSED = "SELECT pg_stat_get_xact_tuples_returned('actorbus_messages_ready'::regclass)"


async def handle(one: Process, count: int) -> None:
    """Send and handle so many messages, a thousand at a time."""
    for start in range(0, count, 1000):
        await one.append(*(outgoing(f"{start + n}") for n in range(1000)))
        while claimed := await one.claim(ANY):
            await one.settle(*((message, ACK) for message in claimed))


async def sent_and_claimed(one: Process, name: str) -> list[Claimed]:
    """Send a message, and claim it, wherever claims begin to look."""
    one.claims.places.found_quickly(ANY)
    await one.append(outgoing(name))
    claimed = await one.claim(ANY)
    assert names(claimed) == [name]
    return claimed


async def entries_passed(one: Process) -> tuple[list[str], int]:
    """Claim; return what, and how many entries of the index the claim looked at."""
    async with one.connection.transaction():
        before = await one.connection.fetchval(PASSED)
        claimed = await one.claim(ANY)
        return names(claimed), await one.connection.fetchval(PASSED) - before


def test_claims_do_not_pass_over_all_that_was_handled_before(postgres):
    """Those since the last look from the beginning are passed over, and what was found."""

    async def test(database: Database) -> None:
        one, report = await database.process(), await database.connect()
        async with report.transaction(isolation="repeatable_read"):
            await report.fetchval("SELECT count(*) FROM actorbus_messages")
            await handle(one, 5000)
            assert one.claims.places.any_slow
            one.claims.places.found_slowly(ANY, await sent_and_claimed(one, "a"), 9.9, NOWHERE)
            await one.append(outgoing("b"))
            found, passed = await entries_passed(one)

        assert found == ["b"]
        assert passed < 100

    on_database(postgres, test)


def test_what_lies_before_is_found_when_the_channel_is_told(postgres):
    """A message that was given back has the place that it had."""

    async def test(database: Database) -> None:
        one, report = await database.process(), await database.connect()
        async with report.transaction(isolation="repeatable_read"):
            await report.fetchval("SELECT count(*) FROM actorbus_messages")
            await handle(one, 4000)
            (early,) = await sent_and_claimed(one, "early")
            (late,) = await sent_and_claimed(one, "late")
            time = [0.0]
            one.claims.places = Places(lambda: time[0])
            one.claims.places.found_slowly(ANY, [late], 0.1, NOWHERE)
            await one.settle((early, RELEASE))
            behind = await one.claim(ANY)
            time[0] = 2.0
            owed = one.claims.places.owed()
            found = await one.claim(ANY)

        assert (behind, owed, names(found)) == ([], {ANY.channel}, ["early"])

    on_database(postgres, test)


def test_a_queue_that_was_cleared_away_is_looked_at_as_always(postgres):
    """Nothing is remembered of it when its entries are gone."""

    async def test(database: Database) -> None:
        one, report = await database.process(), await database.connect()
        async with report.transaction(isolation="repeatable_read"):
            await report.fetchval("SELECT count(*) FROM actorbus_messages")
            await handle(one, 4000)
        await report.execute("VACUUM actorbus_messages")
        one.claims.places.found_slowly(ANY, [], 0.0, NOWHERE)  # its time is over at once
        await one.claim(ANY)

        assert not one.claims.places.any_slow

    on_database(postgres, test)


HELD = {"isolation": "repeatable_read"}
SEE = "SELECT count(*) FROM actorbus_messages"
FILL = """
INSERT INTO actorbus_messages (
    state, epoch, attempts, suspect, replays, priority, due_at, expires_at, enqueued_at, copy_id,
    channel, endpoint, tenant, message_id, type_name, content_type, correlation_id, timestamp,
    headers, body
)
SELECT 'waiting', 0, 0, FALSE, 0, 0, actorbus_now() - 1, actorbus_now() + 1000, n, 'copy ' || n,
    'orders', 'bill', '', 'm' || n, 'shop.Order', 'application/msgpack', 'm' || n, n, '{}', ''
FROM generate_series(1, 100000) AS n
"""


def test_polls_do_not_pass_over_all_that_was_due_before(postgres):
    """A hundred thousand came due and were handled; what comes due now is found by a few pages."""

    async def test(database: Database) -> None:
        one, report = await database.process(), await database.connect()
        plans = await Plans.of(one.connection)
        time = [0.0]
        heads, ready = Heads(lambda: time[0]), ReadyAsked(lambda: time[0])

        async def poll() -> tuple[Due, int]:
            plans.buffers = 0
            begins, asks = heads.begins, ready.is_quick
            row = await one.connection.fetchrow(QUERIES["poll"], "first", *begins, asks)
            due = Due(*row[:6])
            heads.looked(begins, due)
            if asks:
                ready.asked(AnyReady(*row[8:]))
            await _due.advance(one.connection, *begins)
            return due, plans.buffers

        async with report.transaction(**HELD):
            await report.fetchval(SEE)
            await report_leaves_dead_rows(one)
            _, slow = await poll()
            time[0] += 0.01
            for _ in range(6):  # then the server keeps one plan for all
                await poll()
            await one.append(outgoing("soon", delay=0.001, time_to_live=1.0))
            await asyncio.sleep(0.002)
            due, quick = await poll()
            found = names(await one.claim(ANY))

        assert due.comes_due is not None
        assert found == ["soon"]
        assert slow > 10_000
        assert quick < 300

    on_database(postgres, test)


async def report_leaves_dead_rows(one: Process) -> None:
    """Let many come due, and handle them."""
    await one.connection.execute("ALTER TABLE actorbus_messages SET (autovacuum_enabled = off)")
    await one.connection.execute(FILL)
    await one.connection.execute("UPDATE actorbus_messages SET state = 'ready'")
    await one.connection.execute("DELETE FROM actorbus_messages")


def test_a_look_from_the_beginning_is_put_off_until_it_has_paid_off():
    """What was committed late is found then: after 20 times what it took, or 5 seconds."""
    time = [0.0]
    heads = Heads(lambda: time[0])
    heads.looked(heads.begins, Due(None, None, False, 50.0, 9999, 0.1))
    behind = heads.begins
    time[0] = 2.1
    again = heads.begins
    heads.looked(again, Due(70.0, 80.0, False, 60.0, 3, 0.1))

    assert (behind, again) == (Begins(50.0, inf), Begins())
    assert heads.begins == Begins()
