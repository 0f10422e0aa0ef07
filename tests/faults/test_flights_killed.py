"""The flights example under kill -9: nothing is lost, nothing happens twice.

The effects are rows without unique keys, so a message whose transaction took place twice would
be seen, and so would one that was lost. What cannot be seen here is a power cut: a killed process
leaves the operating system's buffers alone.
"""

import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
import trio

from examples.flights import recovery, truth
from examples.flights.__main__ import take_account
from examples.flights.app import make_bus
from examples.flights.data import LATE_AFTER, MONTH, read_departures
from examples.flights.messages import SetTheScene
from examples.flights.sender import letter
from examples.flights.watch import Watch
from examples.flights.workers import start_worker, workers

KILLS = 25
SENDER_KILLS = 6
PATIENCE = 60
"""Seconds: a net under waits that end with an event. No test measures time."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def month():
    return truth.count(MONTH)


@pytest.fixture(scope="module")
def rows():
    return list(read_departures(MONTH))


@pytest.fixture
async def bus(tmp_path, month):
    """The bus of a process that only sends and looks."""
    bus = make_bus(f"sqlite:///{tmp_path}/flights.db")
    async with bus.running(consume="none"):
        await bus.commands.send(SetTheScene(refused=month.troubled_carrier()))
        yield bus


@pytest.fixture
def url(tmp_path, bus):
    """The store's URL, once its tables are there."""
    return f"sqlite:///{tmp_path}/flights.db"


async def test_workers_killed_at_25_random_moments_of_the_month(bus, url, month, rows, rng):
    """Two workers share the file, and in the middle of each slice of the month one is killed.

    A slice is sent when both are up, and the moment is a number of departures recorded: so each
    kill meets a worker with its hands full, however fast the machine is.
    """
    killed = []
    with workers(url, 2) as running:
        for part in slices(rows, KILLS):
            await all_up(bus, running)
            before = await recorded(bus)
            await bus.commands.send_many(letter(row) for row in part)
            moment = rng.randrange(sum(row.departed is not None for row in part))
            await until(bus, recorded, before + moment)
            victim = rng.randrange(2)
            running[victim].kill()
            running[victim].wait()
            killed.append((before + moment, victim, await held_by(bus, running[victim])))
            running[victim] = start_worker(url)
        account = await finish(bus)

    print(f"killed at (departures, worker, messages in its hands): {killed}")
    assert len(killed) == KILLS
    assert sum(held for _, _, held in killed) > KILLS, "kills that hit nobody show nothing"
    await assert_all_is_where_it_must_be(bus, account, month, rows)


async def test_a_sender_killed_in_mid_stream_and_run_again_sends_nothing_twice(
    bus, url, month, rows, *, rng, start_sender
):
    """It is killed at random numbers of stored messages, while two workers handle what there is."""
    moments = sorted(rng.sample(range(1, len(rows)), SENDER_KILLS))
    print(f"sender killed at (messages sent): {moments}")
    with workers(url, 2) as running:
        await all_up(bus, running)
        for moment in moments:
            sender = start_sender()
            await until(bus, sent, moment, sender)
            sender.kill()
            sender.wait()
        assert start_sender().wait() == 0
        account = await finish(bus)

    await assert_all_is_where_it_must_be(bus, account, month, rows)


# ------------------------------------------------------------------------------------- the steps


def slices(rows, count):
    """Cut the month into parts of nearly equal size."""
    cuts = [len(rows) * number // count for number in range(count + 1)]
    return [rows[low:high] for low, high in pairwise(cuts)]


async def all_up(bus, running):
    """Wait until each of these processes holds a lease on the store."""
    pids = {worker.pid for worker in running}
    with trio.fail_after(PATIENCE):
        while not pids <= {process.pid for process in await bus.store.processes()}:
            assert all(worker.poll() is None for worker in running), "a worker ended by itself"
            await trio.sleep(0.01)


async def until(bus, count, goal, sender=None):
    """Wait until more than `goal` are counted, or the sender has ended by itself."""
    with trio.fail_after(PATIENCE):
        while await count(bus) <= goal:
            if sender is not None and sender.poll() is not None:
                return
            await trio.sleep(0.002)


async def recorded(bus):
    async with await bus.store.snapshot("test") as view:
        return (await view.fetch_one("SELECT count(*) FROM departures"))[0]


async def held_by(bus, worker):
    """Count the messages that a process has claimed, or had when it died."""
    held = (
        "SELECT count(*) FROM actorbus_messages JOIN actorbus_processes"
        " ON process_id = owner WHERE pid = $1"
    )
    async with await bus.store.snapshot("test") as view:
        return (await view.fetch_one(held, (worker.pid,)))[0]


async def sent(bus):
    """Count the rows that were ever sent: still queued, handled, or dead."""
    queues = await bus.store.statistics()
    mine = [queue for queue in queues if queue.channel == "departures"]
    queued = sum(queue.ready + queue.waiting + queue.claimed + queue.dead for queue in mine)
    return queued + await recorded(bus)


async def finish(bus):
    """Do the operator's part once everything is settled, and take the account."""
    with trio.fail_after(3 * PATIENCE):
        await recovery.all_settled(bus)
        replayed = await recovery.mend(bus)
        await recovery.all_settled(bus)
        return await take_account(bus, Watch(), replayed, 0.0)


@pytest.fixture
def start_sender(url):
    """Start senders; none of them outlives its test, also if that fails."""
    started = []

    def start():
        command = [sys.executable, "-m", "examples.flights.sender", "--store", url]
        started.append(subprocess.Popen(command))
        return started[-1]

    yield start
    for sender in started:
        sender.kill()
        sender.wait()


async def ids(bus, table):
    async with await bus.store.snapshot("test") as view:
        return Counter(row[0] for row in await view.fetch(f"SELECT id FROM {table}"))


async def assert_all_is_where_it_must_be(bus, account, month, rows):
    departed = Counter(row.id for row in rows if row.departed is not None)
    late = Counter(row.id for row in rows if row.delay is not None and row.delay > LATE_AFTER)

    assert await ids(bus, "departures") == departed
    assert await ids(bus, "statistics_effects") == late
    assert await ids(bus, "notifications") == late
    assert list(account.differences(month)) == []
    assert account.replayed == month.late[month.troubled_carrier()]
    assert all(queue.claimed == 0 for queue in await bus.store.statistics())
