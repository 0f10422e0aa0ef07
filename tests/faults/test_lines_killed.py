"""Ordering keys on PostgreSQL, and on Kafka beside it, while handlers fail and processes die.

What each handler saw is a row: the movement of its key that was committed last before it, and
whether no other one of its key was running. A key's rows are in order, each begins after the one
before it was committed, and each is there once. Another one may be running only where a process was
too slow to keep its lease: what it was running is never committed.
"""

import os
from functools import partial

import pytest
import trio

from actorbus import Letter
from tests.faults.lines_app import Move, SetUp, make_bus
from tests.faults.recording import workers

PROCESSES, KEYS = 4, 50
MESSAGES = int(os.environ.get("ACTORBUS_MESSAGES_PER_KEY", "6"))
"""For each key. The promise is made of 400; on two busy cores they take minutes."""
KILLS = max(1, MESSAGES // 25)
"""Of each process."""
PATIENCE = 120 + MESSAGES
"""Seconds: a net under a wait that ends with an event."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(params=["store", "combined"])
def where(request):
    """What a process is told: the messages lie in the store, or come through outbox and Kafka."""
    if request.param == "store":
        return {}
    servers = request.getfixturevalue("kafka_server").servers
    return {"kafka": servers, "topic": request.getfixturevalue("topic")}


@pytest.fixture
async def bus(postgres, where):
    bus = make_bus(postgres, **where)
    async with bus.running(consume="none"):
        await bus.commands.send(SetUp())
        yield bus


async def keep_working(start, rng, kills):
    """Keep a process at work; it is killed a few times on the way."""
    for _ in range(kills):
        worker = start(seed=rng.random())
        await trio.sleep(rng.uniform(0.7, 2.5))
        worker.kill()
    start(seed=rng.random())


COUNT = """
SELECT (SELECT count(*) FROM moved), (SELECT coalesce(max(epoch), 1) FROM actorbus_processes)
"""


async def look(bus):
    """Return how many are done, and whether a process that lives has lost its lease once."""
    async with await bus.store.snapshot("test") as view:
        [(count, epoch)] = await view.fetch(COUNT)
    return count, epoch > 1


async def moved(bus):
    async with await bus.store.snapshot("test") as view:
        rows = await view.fetch("SELECT key, number, before, alone FROM moved ORDER BY place")
    return [tuple(row) for row in rows]


async def test_keys_stay_in_order_while_handlers_fail_and_processes_are_killed(
    bus, postgres, where, rng
):
    for number in range(MESSAGES):
        await bus.commands.send_many(Letter(Move(f"key {key}", number)) for key in range(KEYS))
    with workers("tests.faults.lines_app:bus") as start_app:
        start = partial(start_app, postgres, **where)
        async with trio.open_nursery() as nursery:
            for _ in range(PROCESSES):
                nursery.start_soon(keep_working, start, rng, KILLS)
            count, lost_a_lease = 0, False
            with trio.fail_after(PATIENCE):
                while count < KEYS * MESSAGES:  # others write it
                    await trio.sleep(0.1)
                    count, lost = await look(bus)
                    lost_a_lease = lost_a_lease or lost
            nursery.cancel_scope.cancel()
        rows = await moved(bus)

    expected = [(number, number - 1) for number in range(MESSAGES)]
    for key in range(KEYS):
        assert [row[1:3] for row in rows if row[0] == f"key {key}"] == expected
    together = [row[:2] for row in rows if not row[3]]
    assert lost_a_lease or together == []
