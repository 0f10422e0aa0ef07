"""A lease that was lost: the machine slept, and another process has what this one had claimed."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio
import trio.testing

from actorbus import ActorBus, ChannelStalled, LeaseLost, MessageRetried, Retry, Transaction
from actorbus._settlement import ACK
from actorbus._store import Demand, ProcessInfo, StoreUnavailable
from actorbus.stores import open_store
from actorbus.testing import ManualClock
from tests.waiting import until


@dataclass(frozen=True)
class Parcel:
    number: int


class Depot:
    """A bus whose handlers wait, one at a time, and everything that happened to them."""

    def __init__(self, url, *, uses_tx):
        self.clock = ManualClock()
        self.url = url
        self.bus = ActorBus("depot", open_store(url, self.clock))
        self.started = []
        self.committed = []
        self.lost = []
        self.fails = False
        self.go_on = trio.Event()
        self.bus.add_channel("parcels", concurrency=1, retry=Retry(attempts=3, initial=0.01))
        self.bus.event_handler(channel="parcels", endpoint_id="ship")(
            self._ship_in_transaction if uses_tx else self._ship
        )

    async def _ship(self, event: Parcel):
        self.started.append(event.number)
        await self.go_on.wait()
        if self.fails:
            raise ArithmeticError("lost on the way")

    async def _ship_in_transaction(self, event: Parcel, tx: Transaction):
        tx.after_commit(lambda: self.committed.append(event.number))
        await self._ship(event)
        await tx.execute("SELECT 1")

    @asynccontextmanager
    async def holding(self, count):
        """Run it until it has begun the first of `count` messages and claimed the others."""
        async with self.bus.running():
            self.bus.system.events.subscribe(self.lost.append, LeaseLost)
            await self.bus.events.publish_many(Parcel(number) for number in range(count))
            await until(lambda: self.held == count and self.started)
            yield

    @property
    def held(self):
        run: Any = self.bus._run
        return sum(one.workload.held for one in run.delivery._surroundings.endpoints)

    @asynccontextmanager
    async def another(self, awake=11.0):
        """Another process, which has been awake for longer than the first one's lease holds."""
        clock = ManualClock()
        clock.advance(awake)
        store = open_store(self.url, clock)
        await store.open(ProcessInfo(process_id="another", bus="depot", host="here", pid=1))
        try:
            yield store
        finally:
            await store.close()


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/depot.db"


@pytest.mark.parametrize("uses_tx", [True, False])
async def test_what_another_process_took_back_is_not_begun_any_more(url, uses_tx):
    """What was begun ends stale, undone and counted; the rest is dropped, and told of."""
    depot = Depot(url, uses_tx=uses_tx)
    async with depot.another() as another, depot.holding(5):
        assert await another.take_back() == 5
        while claimed := await another.claim([Demand("parcels", ("ship",), None, 5)]):
            assert await another.settle([(one, ACK) for one in claimed]) == 0
        depot.clock.advance(11.0)
        depot.go_on.set()
        await until(lambda: depot.lost and depot.bus.counters.stale)

    assert (depot.started, depot.committed) == ([0], [])
    assert [event.dropped for event in depot.lost] == [4]
    assert (depot.bus.counters.stale, depot.bus.counters.handled) == (1, 0)


async def test_nothing_is_begun_while_a_lease_has_run_out_and_all_of_it_once_it_is_renewed(url):
    """Nobody took the messages: they are still this process's, and handled once."""
    depot = Depot(url, uses_tx=True)
    async with depot.holding(5):
        depot.clock.advance(11.0)
        depot.go_on.set()
        await until(lambda: len(depot.committed) == 5)

    assert (depot.started, sorted(depot.committed)) == ([*range(5)], [*range(5)])
    assert depot.lost == []


async def test_a_channel_that_found_no_lease_claims_as_soon_as_there_is_one(url, monkeypatch):
    """It was rung for while the lease had run out, and could not be renewed."""
    depot, asked = Depot(url, uses_tx=True), trio.Event()
    stalled = []
    async with depot.holding(1):
        depot.bus.system.events.subscribe(stalled.append, ChannelStalled)
        store, renew = depot.bus.store, depot.bus.store.renew

        async def fail():
            asked.set()
            raise StoreUnavailable("for a while")

        monkeypatch.setattr(store, "renew", fail)
        depot.clock.advance(11.0)
        await depot.bus.events.publish(Parcel(1))
        await asked.wait()
        await trio.testing.wait_all_tasks_blocked(0.05)
        monkeypatch.setattr(store, "renew", renew)
        depot.go_on.set()
        await until(lambda: len(depot.committed) == 2)

    assert (sorted(depot.committed), stalled) == ([0, 1], [])


async def test_a_failure_of_a_message_that_another_process_has_by_now_is_not_told_of(url):
    """It is no attempt, and this process does not make the next one."""
    depot, retried = Depot(url, uses_tx=False), []
    depot.fails = True
    async with depot.another() as another, depot.holding(1):
        depot.bus.system.events.subscribe(retried.append, MessageRetried)
        await another.take_back()
        assert len(await another.claim([Demand("parcels", ("ship",), "", 1)])) == 1
        depot.clock.advance(11.0)
        depot.go_on.set()
        await until(lambda: depot.bus.counters.stale == 1)

    assert retried == []


async def test_after_a_lost_lease_the_process_works_on_under_a_new_one(url):
    """What the other process gives back it claims again, and handles."""
    depot = Depot(url, uses_tx=True)
    async with depot.another() as another, depot.holding(5):
        await another.take_back()
        depot.clock.advance(11.0)
        depot.go_on.set()
        await until(lambda: len(depot.committed) == 5)
        rows = {row.process_id: row.alive for row in await another.processes()}

    assert sorted(depot.committed) == [*range(5)]
    assert depot.started.count(0) == 2
    assert len(depot.lost) == 1
    assert len(rows) == 2
