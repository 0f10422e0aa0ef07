"""What several connections do to messages at the same time."""

import asyncio

import asyncpg
import pytest

from actorbus._settlement import ACK, RELEASE, DeadLetter, DeadLetterReason, Retry
from actorbus._store import ParkedFilter
from actorbus.stores.postgresql import _append, _parking, _settle
from actorbus.testing import demand, failure, names, outgoing
from tests.integration.postgresql.steps import Database, on_database, waits_for_lock

DIES = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())
SKIPS = Retry(1000.0, failure(), gives_up_turn=True)


def test_a_claim_passes_over_what_another_one_is_claiming(postgres):
    """It neither waits for it nor claims it."""

    async def test(database: Database) -> None:
        first, second = await database.process("first"), await database.process("second")
        await first.append(*(outgoing(name) for name in "abcd"))
        async with first.connection.transaction():
            mine = await first.claim(demand(2))
            theirs = await second.claim()

        assert (names(mine), names(theirs)) == (["a", "b"], ["c", "d"])

    on_database(postgres, test)


def test_a_message_that_commits_late_is_not_skipped(postgres):
    """Though later ones were claimed before it."""

    async def test(database: Database) -> None:
        first, sender = await database.process(), await database.process("sender")
        async with sender.connection.transaction():
            await _append.append(sender.connection, [outgoing("early")])
            await first.append(outgoing("late"))
            before = await first.claim()
        after = await first.claim()

        assert (names(before), names(after)) == (["late"], ["early"])
        assert after[0].sequence < before[0].sequence

    on_database(postgres, test)


def test_a_key_is_not_freed_while_a_message_of_it_is_being_sent(postgres):
    """The settlement waits for the sender's commit, and then puts the new one in turn."""

    async def test(database: Database) -> None:
        worker, sender = await database.process(), await database.process("sender")
        watcher = await database.connect()
        await worker.append(outgoing("1", ordering_key="k"))
        claimed = await worker.claim()
        async with sender.connection.transaction():
            await _append.append(sender.connection, [outgoing("2", ordering_key="k")])
            settling = asyncio.create_task(worker.settle((claimed[0], ACK)))
            await waits_for_lock(watcher, worker.connection.get_server_pid())
        assert (await settling).ready == {claimed[0].channel}

        assert names(await worker.claim()) == ["2"]

    on_database(postgres, test)


def test_two_senders_of_a_new_key_put_one_message_in_turn(postgres):
    """The second waits until the first has committed, so that their order is that of sending."""

    async def test(database: Database) -> None:
        first, second = await database.process(), await database.process("second")
        watcher = await database.connect()
        async with first.connection.transaction():
            await _append.append(first.connection, [outgoing("1", ordering_key="k")])
            sending = asyncio.create_task(second.append(outgoing("2", ordering_key="k")))
            await waits_for_lock(watcher, second.connection.get_server_pid())
        await sending

        assert names(await first.claim()) == ["1"]

    on_database(postgres, test)


def test_of_two_that_send_one_deduplication_key_one_stores_it(postgres):
    """The second waits to see what becomes of the first: undone, it stores its own."""

    async def test(database: Database) -> None:
        first, second = await database.process(), await database.process("second")
        watcher = await database.connect()
        copy = outgoing("m", deduplication_key="k")
        transaction = first.connection.transaction()
        await transaction.start()
        assert await _append.append(first.connection, [copy]) == (1, {copy.channel})
        sending = asyncio.create_task(second.append(copy))
        await waits_for_lock(watcher, second.connection.get_server_pid())
        await transaction.rollback()

        assert await sending == 1
        assert await first.append(copy) == 0

    on_database(postgres, test)


def test_of_two_copies_that_are_claimed_at_the_same_time_one_is_put_off(postgres):
    """Though neither claim sees what the other one has not committed."""

    async def test(database: Database) -> None:
        first, second = await database.process(), await database.process("second")
        await first.append(
            *(outgoing(name, deduplication_key="k", forwarded=True) for name in "ab"),
            outgoing("c"),
        )
        async with first.connection.transaction():
            mine = await first.claim(demand(1))
            theirs = await second.claim()

        assert (names(mine), names(theirs)) == (["a"], ["c"])

    on_database(postgres, test)


def test_one_of_two_takes_back_and_neither_waits(postgres):
    """What an expired owner is settling just now is left to the next time."""

    async def test(database: Database) -> None:
        lost = await database.process("lost", lease=0.0)
        first, second = await database.process(), await database.process("second")
        await lost.append(outgoing("a"), outgoing("b"), outgoing("c"))
        claimed = await lost.claim()
        async with lost.connection.transaction():
            await _settle.settle_batch(lost.connection, [(claimed[0], ACK)])
            async with first.connection.transaction():
                counts = [await first.take_back(), await second.take_back()]
        assert counts == [2, 0]
        stale = (await lost.settle(*((one, ACK) for one in claimed))).stale

        assert stale == {0, 1, 2}
        assert names(await second.claim()) == ["b"]  # a suspect: one at a time

    on_database(postgres, test)


def test_a_claim_and_a_take_back_do_not_run_beside_each_other(postgres):
    """What was claimed under a lease that is being taken back would be nobody's."""

    async def test(database: Database) -> None:
        lost, other = await database.process("lost", lease=0.0), await database.process()
        await lost.append(outgoing("m"))
        async with lost.connection.transaction():
            assert names(await lost.claim()) == ["m"]
            assert await other.take_back() == 0
        assert await other.take_back() == 1
        assert await lost.claim() == []

    on_database(postgres, test)


def test_the_claims_of_a_process_have_one_suspect_together(postgres):
    """Also those of its several channels, which run on several connections."""

    async def test(database: Database) -> None:
        lost = await database.process("lost", lease=0.0)
        other = await database.process()
        await lost.append(*(outgoing(name, channel=name) for name in "ab"))
        await lost.claim(*(demand()._replace(channel=name) for name in "ab"))
        assert await other.take_back() == 2
        beside = await database.connect()
        transaction = other.connection.transaction()
        await transaction.start()
        first = await other.claim(demand()._replace(channel="a"))
        claiming = asyncio.create_task(other.claims.claim(beside, [demand()._replace(channel="b")]))
        await waits_for_lock(lost.connection, beside.get_server_pid())
        await transaction.commit()

        assert (names(first), await claiming) == (["a"], [])
        await other.settle((first[0], ACK))
        assert names(await other.claim(demand()._replace(channel="b"))) == ["b"]

    on_database(postgres, test)


def test_the_last_statement_of_a_handler_commits_or_raises(postgres):
    """In one round trip; a claim that does not hold undoes what the handler wrote."""

    async def test(database: Database) -> None:
        one = await database.process()
        connection = one.connection
        await connection.execute("CREATE TABLE effects (name TEXT)")
        await one.append(outgoing("a"), outgoing("b"))
        first, second = await one.claim()
        await one.settle((second, RELEASE))
        for claimed in (first, second):
            await connection.execute("BEGIN")
            await connection.execute("INSERT INTO effects VALUES ($1)", claimed.message_id)
            statement = _settle.acknowledge_and_commit(claimed)
            if claimed is first:
                await connection.execute(statement)
                continue
            with pytest.raises(asyncpg.PostgresError) as caught:
                await connection.execute(statement)
            assert caught.value.sqlstate == _settle.STALE
            await connection.execute("ROLLBACK")

        assert await connection.fetch("SELECT name FROM effects") == [("a",)]
        assert names(await one.claim()) == ["b"]

    on_database(postgres, test)


@pytest.mark.parametrize("settlement", [ACK, DIES, SKIPS], ids=["handled", "dead", "skipped"])
def test_senders_and_settlers_of_many_keys_never_wait_for_each_other(postgres, settlement):
    """Whatever the order in which each of them names the keys."""

    async def test(database: Database) -> None:
        worker, sender = await database.process(), await database.process("second")
        keys = [f"key {number:02}" for number in range(40)]
        await worker.append(*(outgoing(f"{key} first", ordering_key=key) for key in keys))
        for turn in range(5):
            claimed = await worker.claim()
            assert len(claimed) == len(keys)
            some = [outgoing(f"{key} {turn}", ordering_key=key) for key in reversed(keys)]
            await asyncio.gather(
                sender.append(*some), worker.settle(*((one, settlement) for one in claimed))
            )

    on_database(postgres, test)


def test_whoever_lets_parked_messages_go_on_locks_their_keys_before_them(postgres):
    """While it waits for a key, nobody has to wait for it with that key in hand."""

    async def test(database: Database) -> None:
        one, other = await database.process(), await database.process("other")
        watcher = await database.connect()
        parked = outgoing("parked", ordering_key="k", parked="unknown tenant")
        await one.append(outgoing("1", ordering_key="k"), parked)
        async with other.connection.transaction():
            await other.connection.execute("SELECT FROM actorbus_keys FOR UPDATE")
            unparking = asyncio.create_task(unpark(one.connection))
            await waits_for_lock(watcher, one.connection.get_server_pid())
            free = "SELECT message_id FROM actorbus_messages FOR UPDATE NOWAIT"
            async with watcher.transaction():
                assert len(await watcher.fetch(free)) == 2
        assert (await unparking)[0] == 1

        assert names(await one.claim()) == ["1"]

    on_database(postgres, test)


async def unpark(connection: asyncpg.Connection) -> tuple[int, set[str]]:
    async with connection.transaction():
        return await _parking.unpark(connection, ParkedFilter(), (None, None))
