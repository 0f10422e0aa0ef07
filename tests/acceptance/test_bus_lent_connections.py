"""What a handler does to the store's own things ends with its transaction and harms nobody."""

import sqlite3
from dataclasses import dataclass

import pytest

from actorbus import ActorBus, Batch, Headers, Retry, Transaction
from tests.waiting import until_settled


@dataclass(frozen=True)
class Note:
    number: int


@dataclass(frozen=True)
class Meddle:
    pass


@pytest.fixture(params=[":memory:", "file"])
def bus(request, tmp_path):
    store = f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"
    bus = ActorBus("shop", store)
    bus.add_channel("notes", retry=Retry(attempts=2, initial=0.01))
    return bus


def other_rows(connection):
    connection.row_factory = sqlite3.Cursor


def other_texts(connection):
    connection.text_factory = bytes


def no_authorizer(connection):
    connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)


def other_progress(connection):
    connection.set_progress_handler(lambda: 1, 1)


def short_statements(connection):
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100)


def one_parameter(connection):
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1)


MEDDLING = [
    other_rows,
    other_texts,
    no_authorizer,
    other_progress,
    short_statements,
    one_parameter,
]


@pytest.mark.parametrize("fails", [False, True], ids=["commits", "fails"])
@pytest.mark.parametrize("meddle", MEDDLING)
async def test_what_is_set_on_the_connection_ends_with_the_transaction(bus, meddle, fails):
    found = []

    @bus.event_handler(channel="notes", permanent=ValueError)
    async def meddler(event: Meddle, tx: Transaction) -> None:
        await tx.execute("CREATE TABLE IF NOT EXISTS meddled (text TEXT)")
        meddle(tx.connection)
        if fails:
            raise ValueError("after that")

    @bus.event_handler(channel="notes")
    async def note(event: Note, tx: Transaction) -> None:
        [row] = await tx.fetch("SELECT $1 AS number, 'text' AS text", event.number)
        found.append((row["number"], row["text"]))

    async with bus.running():
        await bus.events.publish(Meddle())
        await until_settled(bus, 1)
        await bus.events.publish(Note(7))
        await until_settled(bus, 2)
        assert bus.counters.dead == fails

    assert found == [(7, "text")]


async def test_a_transaction_keeps_what_its_handler_has_set_over_savepoints(bus):
    found: list[object] = []

    @bus.command_handler
    async def note(command: Note, tx: Transaction) -> None:
        await tx.fetch_one("SELECT 1")
        tx.connection.row_factory = lambda _, row: {"answer": row[0]}
        async with tx.savepoint():
            found.append(await tx.fetch_one("SELECT 42"))

    async with bus.running():
        await bus.commands.send(Note(1))

    assert found == [{"answer": 42}]


async def test_a_snapshot_leaves_its_connection_as_it_was(bus):
    async with bus.running():
        for _ in range(3):
            async with await bus.store.snapshot("test") as reading:
                row = await reading.fetch_one("SELECT 'text' AS text")
                assert row["text"] == "text"
                reading.connection.text_factory = bytes


@pytest.mark.parametrize(
    "meddle",
    [
        "DELETE FROM actorbus_messages WHERE copy_id = $1",
        "UPDATE actorbus_messages SET epoch = epoch + 1 WHERE copy_id = $1",
    ],
)
async def test_a_handler_that_changes_its_own_messages_row_has_failed(bus, meddle):
    """Its message used to stay claimed until the process ended."""
    retried = []

    @bus.event_handler(channel="notes")
    async def note(event: Note, tx: Transaction, headers: Headers) -> None:
        retried.append(headers.attempt)
        await tx.execute(meddle, headers.copy_id)

    async with bus.running():
        await bus.events.publish(Note(1))
        await until_settled(bus, 1)
        [letter] = await bus.dead_letters.list()

    assert retried == [1, 2]
    assert (letter.reason, letter.attempts) == ("attempts exhausted", 2)
    assert "its handler changed its row" in letter.exception_message


@pytest.mark.parametrize("policy", ["{broken", "[]", '{"retry": "often"}'])
@pytest.mark.parametrize("batch", [None, Batch(size=10, wait=0.01)], ids=["single", "batch"])
async def test_a_damaged_policy_in_the_store_makes_a_dead_letter_of_its_message_alone(
    bus, policy, batch
):
    """Its endpoint used to restart for ever, and handled nothing else."""
    handled: list[object] = []
    if batch is None:

        @bus.event_handler(channel="notes")
        async def note(event: Note) -> None:
            handled.append(event.number)
    else:

        @bus.event_handler(channel="notes", batch=batch)
        async def notes(events: list[Note]) -> None:
            handled.extend(event.number for event in events)

    @bus.command_handler
    async def damage(command: Meddle, tx: Transaction) -> None:
        await tx.execute("UPDATE actorbus_messages SET on_failure = $1", policy)

    async with bus.running(consume="none"):
        await bus.events.publish(Note(1))
        await bus.commands.send(Meddle())
        await bus.events.publish(Note(2))
        await bus.consume_for(10)
        [letter] = await bus.dead_letters.list()

    assert (handled, letter.reason) == ([2], "undecodable")
    assert "its on_failure in the store is damaged" in letter.exception_message
