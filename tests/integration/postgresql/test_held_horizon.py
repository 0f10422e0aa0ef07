"""Claims while some transaction keeps the server from clearing away what was handled."""

from actorbus._settlement import ACK, RELEASE
from actorbus._store import Claimed
from actorbus.stores.postgresql._places import Place, Places
from actorbus.testing import demand, names, outgoing
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
