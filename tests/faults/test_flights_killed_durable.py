"""The flights on PostgreSQL and Kafka under kill -9: nothing is lost, nothing happens twice.

The effects are rows without unique keys, so a message whose transaction took place twice would
be seen, and so would one that was lost. What cannot be seen here is a power cut: a killed process
leaves the servers alone.
"""

import os
from collections import Counter

import pytest
import trio

from examples.flights import recovery, truth
from examples.flights.__main__ import take_account
from examples.flights.data import LATE_AFTER, MONTH, read_departures
from examples.flights.messages import SetTheScene
from examples.flights.sender import letter
from examples.flights.topics import make_topics
from examples.flights.watch import Watch
from tests.faults.flights_worker import Servers, start
from tests.services.fixtures import new_topic

KILLS = int(os.environ.get("FLIGHTS_KILLS", "60"))
"""`FLIGHTS_KILLS=200` is what the project promises; 60 fit the time of a build."""
WORKERS = 4
AHEAD = 400
"""So many departures more than are recorded are sent, so that workers have their hands full."""
PATIENCE = 120
"""Seconds: a net under waits that end with an event. No test measures time."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def servers(postgres, kafka_server):
    """An empty database, and topics that no other test has."""
    return Servers(postgres, kafka_server.servers, new_topic())


@pytest.fixture
async def bus(servers):
    """The bus of a process that only sends and looks."""
    make_topics(servers.topics)
    bus = servers.bus()
    async with bus.running(consume="none"):
        await bus.commands.send(SetTheScene(refused=truth.count(MONTH).troubled_carrier()))
        yield bus


@pytest.fixture
def crew(servers):
    """Workers; none of them outlives the test."""
    workers = [start(servers) for _ in range(WORKERS)]
    yield workers
    for worker in workers:
        worker.kill()
        worker.join()


class Sender:
    """Sends the month, so far as it is asked for."""

    def __init__(self, bus, rows):
        self._bus = bus
        self._rows = rows
        self._next = 0
        self._departed = 0

    async def send(self, departed):
        """Send rows until so many of them departed, or all are sent."""
        first = self._next
        while self._next < len(self._rows) and self._departed < departed:
            self._departed += self._rows[self._next].departed is not None
            self._next += 1
        await self._bus.commands.send_many(letter(row) for row in self._rows[first : self._next])


async def test_workers_killed_at_random_moments_of_the_month(bus, servers, crew, rng):
    """One, two or three of four at a time, and each is replaced; in the end all is as it must be.

    A moment is a number of departures recorded: so kills meet workers with their hands full,
    however fast the machine is.
    """
    rows = list(read_departures(MONTH))
    sender, killed = Sender(bus, rows), []
    for moment, victims in plan(sum(row.departed is not None for row in rows), rng):
        await sender.send(moment + AHEAD)
        await until_recorded(bus, moment)
        killed.append((moment, await kill(bus, servers, crew, victims)))
    await sender.send(len(rows))
    account = await finish(bus, len(rows))

    print(f"killed at (departures, messages of the store in the hands of each): {killed}")
    assert sum(len(held) for _, held in killed) == KILLS
    assert sum(sum(held) for _, held in killed) > 0, "kills that hit nobody show nothing"
    await assert_all_is_where_it_must_be(bus, account, rows)


# ------------------------------------------------------------------------------------- the steps


def plan(departures, rng):
    """Return when to kill which workers: numbers of departures, and places in the crew."""
    left, groups = KILLS, []
    while left:
        groups.append(rng.sample(range(WORKERS), min(left, rng.randint(1, WORKERS - 1))))
        left -= len(groups[-1])
    moments = sorted(rng.sample(range(1, departures), len(groups)))
    return zip(moments, groups, strict=True)


async def until_recorded(bus, goal):
    """Wait until so many departures are recorded."""
    with trio.fail_after(PATIENCE):
        while await recorded(bus) < goal:  # noqa: ASYNC110  other processes record them
            await trio.sleep(0.01)


async def recorded(bus):
    async with await bus.store.snapshot("test") as view:
        return (await view.fetch_one("SELECT count(*) FROM departures"))[0]


async def kill(bus, servers, crew, victims):
    """Kill workers, and start others; return how many messages of the store each had claimed."""
    pids = [crew[place].pid for place in victims]
    for place in victims:
        assert crew[place].is_alive(), "a worker ended by itself"
        crew[place].kill()
    held = [await held_by(bus, pid) for pid in pids]
    for place in victims:
        crew[place].join()
        crew[place] = start(servers)
    return held


async def held_by(bus, pid):
    """Count the messages that a process had claimed from the store when it died."""
    held = (
        "SELECT count(*) FROM actorbus_messages JOIN actorbus_processes"
        " ON process_id = owner WHERE pid = $1"
    )
    async with await bus.store.snapshot("test") as view:
        return (await view.fetch_one(held, (pid,)))[0]


async def finish(bus, sent):
    """Do the operator's part once everything is recorded, and take the account."""
    with trio.fail_after(3 * PATIENCE):
        await recovery.all_recorded(bus, sent)
        replayed = await recovery.mend(bus)
        await recovery.all_recorded(bus, sent)
        return await take_account(bus, Watch(), replayed, 0.0)


async def ids(bus, table):
    async with await bus.store.snapshot("test") as view:
        return Counter(row[0] for row in await view.fetch(f"SELECT id FROM {table}"))


async def tell_of_duplicates(bus, table):
    """Print which transactions wrote what is there twice, and what the inbox has of it."""
    rows = f"SELECT id, xmin::text, ctid::text FROM {table} WHERE id IN (SELECT id FROM {table}"
    inbox = "SELECT endpoint, key, xmin::text, number, handled_at, owner FROM actorbus_handled"
    async with await bus.store.snapshot("test") as view:
        for row in await view.fetch(f"{rows} GROUP BY id HAVING count(*) > 1)"):
            print(
                table, tuple(row), await view.fetch(f"{inbox} WHERE strpos(key, $1) > 0", (row[0],))
            )


async def assert_all_is_where_it_must_be(bus, account, rows):
    month = truth.count(MONTH)
    departed = Counter(row.id for row in rows if row.departed is not None)
    late = Counter(row.id for row in rows if row.delay is not None and row.delay > LATE_AFTER)

    for table in ("departures", "statistics_effects", "notifications"):
        await tell_of_duplicates(bus, table)
    assert await ids(bus, "departures") == departed
    assert await ids(bus, "statistics_effects") == late
    assert await ids(bus, "notifications") == late
    assert list(account.differences(month)) == []
    assert account.replayed == month.late[month.troubled_carrier()]
