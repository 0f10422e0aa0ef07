"""A store on a file, in real time: locked, moved away, and left behind by a dead process."""

import json
import os
import sqlite3

import pytest

from actorbus import ActorBus, Headers, Retry, Transaction
from actorbus._bus_events import StoreTrouble
from actorbus._store import Demand, ProcessInfo
from actorbus.stores import open_store
from tests.runtime.bus.delivery.jobs import Job
from tests.waiting import until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}?lock_timeout=0.1"


def recording(url, log, **options):
    """A bus whose handler writes each number into the log once it is committed."""
    bus = ActorBus("shop", url, **options)
    bus.add_channel("mail", retry=Retry(attempts=2, initial=0.01))

    @bus.event_handler(channel="mail", endpoint_id="work")
    async def work(event: Job, tx: Transaction, headers: Headers):
        await tx.execute("SELECT 1")
        tx.after_commit(lambda: log.handled.append((event.number, headers.attempt)))

    return bus


@pytest.fixture
def lock(path):
    """Another program that holds the writer's lock while the block lasts."""

    class Lock:
        def __enter__(self):
            self.connection = sqlite3.connect(path, isolation_level=None)
            self.connection.execute("BEGIN IMMEDIATE")

        def __exit__(self, *_):
            self.connection.execute("ROLLBACK")
            self.connection.close()

    return Lock()


async def test_a_file_that_another_program_locks_costs_time_and_nothing_else(url, lock, log):
    bus = recording(url, log)
    async with bus.running():
        bus.system.events.subscribe(log.events.append, StoreTrouble)
        await bus.events.publish(Job(0))
        await until(lambda: len(log.handled) == 1)
        with lock:
            await until(lambda: len(log.events) >= 2)
        for number in range(1, 20):
            await bus.events.publish(Job(number))
        await until(lambda: len(log.handled) == 20)
        dead = await bus.dead_letters.count()

    assert sorted(log.handled) == [(number, 1) for number in range(20)]
    assert (bus.counters.retried, dead) == (0, 0)


async def test_a_file_that_vanishes_and_comes_back_costs_time_and_nothing_else(url, path, log):
    bus = recording(url, log)
    async with bus.running():
        bus.system.events.subscribe(log.events.append, StoreTrouble)
        for number in range(5):
            await bus.events.publish(Job(number), delay=0.3)
        moved = {}
        for suffix in ("", "-wal", "-shm"):
            here = path.with_name(path.name + suffix)
            if here.exists():
                moved[here] = here.rename(here.with_name(f"away-{here.name}"))
        await until(lambda: log.events)
        for here, away in moved.items():
            away.rename(here)
        await until(lambda: len(log.handled) == 5)

    assert sorted(log.handled) == [(number, 1) for number in range(5)]


async def leave_behind(url, endpoint, count, lease):
    """Claim as a process that then ends without a word: its lease is not given back."""
    store = open_store(url)
    info = ProcessInfo(process_id="dead", bus="shop", host="here", pid=os.getpid(), lease=lease)
    await store.open(info)
    return await store.claim([Demand("mail", (endpoint,), None, count)])


async def test_what_a_dead_process_had_claimed_is_taken_back_and_handled(url, log):
    """Suspects come one at a time; their starts are counted as attempts."""
    bus = recording(url, log, lease=1.0)
    async with bus.running(consume="none"):
        for number in range(6):
            await bus.events.publish(Job(number))
    claimed = await leave_behind(url, "work", 4, lease=0.3)
    async with bus.running():
        await until(lambda: len(log.handled) == 6)
        queues = await bus.store.statistics()

    assert len(claimed) == 4
    assert sorted(log.handled) == [(number, 1) for number in range(6)]
    assert sum(queue.claimed for queue in queues) == 0


async def test_a_process_publishes_its_live_tree(url, log):
    bus = recording(url, log)
    async with bus.running():
        await bus.events.publish(Job(1))
        await until(lambda: log.handled)
        await bus._run.delivery.housekeeping.publish_snapshot()
        [process] = await bus.processes()

    top = json.loads(process.snapshot)["tree"]
    families = {node["name"]: node for node in top["children"]}
    assert set(families) == {"store", "channels", "endpoints", "routers"}
    [mail] = families["channels"]["children"]
    work = next(node for node in mail["children"] if node["name"] == "work")
    assert (work["kind"], work["state"], work["restarts"]) == ("endpoint", "running", 0)
    assert (work["counts"]["handled"], work["note"]) == (1, "")
    assert {node["name"] for node in mail["children"]} == {"work", "intake"}
