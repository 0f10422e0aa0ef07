"""Batches when commits, leases and processes are lost: nothing is done twice, nothing is lost."""

from dataclasses import dataclass

import pytest
import trio

from actorbus import ActorBus, Batch, Headers, Retry, Transaction
from actorbus._settlement import ACK
from actorbus._store import Demand, ProcessInfo
from actorbus.stores import open_store
from actorbus.testing import ManualClock
from tests.runtime.bus.delivery.jobs import Job
from tests.waiting import until


@dataclass(frozen=True)
class Parcel:
    number: int


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/depot.db"


async def other_process(url, awake=0.0):
    clock = ManualClock()
    clock.advance(awake)
    store = open_store(url, clock)
    await store.open(ProcessInfo(process_id="another", bus="depot", host="here", pid=1))
    return store


async def test_a_batch_that_destroys_its_group_fails_alone(autojump_clock, bus):
    """Batches beside it run again one by one, uncounted; every effect is there once."""
    bus.add_channel("mail", retry=Retry(attempts=2, initial=1.0))

    @bus.command_handler("make tables")
    async def make(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE done (number INTEGER, attempt INTEGER)")
        await tx.execute("CREATE TABLE single (n INTEGER UNIQUE)")
        await tx.execute("INSERT INTO single VALUES (1)")

    @bus.event_handler(channel="mail", batch=Batch(5, wait=0.1), concurrency=4)
    async def work(events: list[Job], tx: Transaction, headers: list[Headers]):
        for event, header in zip(events, headers, strict=True):
            await tx.execute("INSERT INTO done VALUES ($1, $2)", event.number, header.attempt)
        if any(event.number == 7 for event in events):
            await tx.execute("INSERT OR ROLLBACK INTO single VALUES (1)")

    async with bus.running():
        await bus.commands.send({}, routing_key="make tables")
        await bus.events.publish_many([Job(number) for number in range(20)])
        await trio.sleep(60)
        async with await bus.store.snapshot("test") as snapshot:
            rows = await snapshot.fetch("SELECT number, attempt FROM done ORDER BY number")
        letters = await bus.dead_letters.list()

    assert [tuple(row) for row in rows] == [(number, 1) for number in range(20) if number != 7]
    assert [letter.attempts for letter in letters] == [2]
    assert bus.counters.run_again > 0


async def test_a_batch_that_another_process_took_back_is_undone(url, clock):
    depot = ActorBus("depot", open_store(url, clock))
    depot.add_channel("parcels")
    calls: list[list[int]] = []
    committed: list[int] = []
    go_on = trio.Event()

    @depot.event_handler(channel="parcels", endpoint_id="ship", batch=Batch(3, wait=0.05))
    async def ship(events: list[Parcel], tx: Transaction):
        tx.after_commit(lambda: committed.append(len(events)))
        calls.append([event.number for event in events])
        await go_on.wait()
        await tx.execute("SELECT 1")

    another = await other_process(url, awake=11.0)
    async with depot.running():
        await depot.events.publish_many(Parcel(number) for number in range(5))
        await until(lambda: calls)
        assert await another.take_back() == 5
        while claimed := await another.claim([Demand("parcels", ("ship",), None, 5)]):
            assert await another.settle([(one, ACK) for one in claimed]) == 0
        clock.advance(11.0)
        go_on.set()
        await depot.idle()
    await another.close()

    assert (calls, committed) == ([[0, 1, 2]], [])
    assert depot.counters.handled == 0


async def test_messages_of_a_process_that_died_run_alone(url, clock):
    depot = ActorBus("depot", open_store(url, clock))
    depot.add_channel("parcels", retry=Retry(attempts=3))
    calls: list[list[int]] = []

    @depot.event_handler(channel="parcels", endpoint_id="ship", batch=Batch(10, wait=0.05))
    async def ship(events: list[Parcel], headers: list[Headers]):
        calls.append([header.attempt for header in headers])

    async with depot.running(consume="none"):
        await depot.events.publish_many(Parcel(number) for number in range(6))
    another = await other_process(url)
    assert len(await another.claim([Demand("parcels", ("ship",), None, 3)])) == 3
    clock.advance(11.0)
    async with depot.running():
        await until(lambda: depot.counters.handled == 6)

    assert sorted(calls, key=len) == [[1], [1], [1], [1, 1, 1]]
