"""What must hold of batches and rate limits, on a file and in memory."""

from dataclasses import dataclass

import pytest
import trio

from actorbus import ActorBus, Batch, BatchFailed, Rate, Retry, Transaction
from actorbus.stores.sqlite import SqliteStore
from tests.waiting import until_settled


@dataclass(frozen=True)
class Row:
    number: int


@pytest.fixture(params=[":memory:", "file"])
def bus(request, tmp_path):
    store = f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"
    bus = ActorBus("shop", store)
    bus.add_channel("rows", retry=Retry(attempts=2, initial=0.01))
    return bus


async def loaded(bus):
    async with await bus.store.snapshot("test") as reading:
        return [row[0] for row in await reading.fetch("SELECT number FROM loaded ORDER BY number")]


@dataclass(frozen=True)
class Make:
    pass


async def send(bus, count):
    await bus.commands.send(Make())
    await bus.events.publish_many([Row(number) for number in range(count)])
    await until_settled(bus, count)


@pytest.fixture
def with_table(bus):
    @bus.command_handler
    async def make(command: Make, tx: Transaction):
        await tx.execute("CREATE TABLE loaded (number)")

    return bus


async def test_a_poison_message_in_a_batch_takes_nothing_from_the_others(with_table):
    bus = with_table

    @bus.event_handler(channel="rows", batch=Batch(size=50, wait=0.05))
    async def load(rows: list[Row], tx: Transaction):
        await tx.executemany("INSERT INTO loaded VALUES ($1)", [(row.number,) for row in rows])
        if any(row.number == 77 for row in rows):
            raise ValueError(77)

    async with bus.running():
        await send(bus, 200)
        letters = await bus.dead_letters.list()
        rows = await loaded(bus)

    assert rows == [number for number in range(200) if number != 77]
    assert [letter.attempts for letter in letters] == [2]
    assert bus.counters.retried == 1


async def test_failures_told_by_place_are_retried_and_the_others_are_committed(with_table):
    bus = with_table
    tries: dict[int, int] = {}

    @bus.event_handler(channel="rows", batch=Batch(size=50, wait=0.05))
    async def load(rows: list[Row], tx: Transaction):
        failed: dict[int, Exception] = {}
        for at, row in enumerate(rows):
            tries[row.number] = tries.get(row.number, 0) + 1
            if row.number % 10 == 3 and tries[row.number] == 1:
                failed[at] = ValueError(row.number)
            else:
                await tx.execute("INSERT INTO loaded VALUES ($1)", row.number)
        if failed:
            raise BatchFailed(failed)

    async with bus.running():
        await send(bus, 100)
        rows = await loaded(bus)

    assert rows == list(range(100))
    assert tries == {number: 2 if number % 10 == 3 else 1 for number in range(100)}


async def test_a_rate_limit_holds_and_leaves_what_has_no_permit_in_the_store(with_table):
    bus = with_table
    begun: list[float] = []

    @bus.event_handler(channel="rows", rate_limit=Rate(50, per=1.0, burst=5))
    async def handle(row: Row):
        begun.append(trio.current_time())

    async with bus.running():
        await bus.events.publish_many([Row(number) for number in range(30)])
        await until_settled(bus, 30)

    assert len(begun) == 30
    assert bus.counters.released == 0
    for first in begun:
        within = [at for at in begun if first <= at < first + 0.1]
        assert len(within) <= 5 + 50 * 0.1 + 1


@pytest.mark.parametrize(("size", "turns"), [(100, 1), (25, 4), (1, 100)])
async def test_a_batch_is_one_turn_at_the_writer_whatever_its_size(
    with_table, monkeypatch, size, turns
):
    """The handler's statements, the settlements and the commit of a batch share one transaction."""
    bus = with_table
    owners: list[str] = []

    @bus.event_handler(channel="rows", batch=Batch(size=size, wait=1.0), endpoint_id="load")
    async def load(rows: list[Row], tx: Transaction):
        await tx.executemany("INSERT INTO loaded VALUES ($1)", [(row.number,) for row in rows])

    acquire = SqliteStore.acquire

    async def counted(store, owner, **options):
        owners.append(owner)
        return await acquire(store, owner, **options)

    monkeypatch.setattr(SqliteStore, "acquire", counted)
    async with bus.running():
        await send(bus, 100)
        rows = await loaded(bus)

    assert owners.count("load") == turns
    assert rows == list(range(100))


async def test_a_batch_of_which_all_failed_commits_nothing(with_table):
    bus = with_table

    @bus.event_handler(channel="rows", batch=Batch(size=10, wait=0.05))
    async def load(rows: list[Row], tx: Transaction):
        await tx.executemany("INSERT INTO loaded VALUES ($1)", [(row.number,) for row in rows])
        raise BatchFailed({at: ValueError(row.number) for at, row in enumerate(rows)})

    async with bus.running():
        await send(bus, 5)
        rows = await loaded(bus)

    assert rows == []
    assert bus.counters.dead == 5
