"""Ordering keys on PostgreSQL, and on Kafka beside it, while handlers fail and processes die.

What each handler saw is a row: the movement of its key that was committed last before it, and
whether no other one of its key was running. A key's rows are in order, each begins after the one
before it was committed, and each is there once.
"""

import os
from functools import partial

import pytest
import trio

from actorbus import Letter
from tests.faults.lines_app import Move, SetUp, make_bus
from tests.faults.recording import workers

PROCESSES, KILLS = 4, 4
KEYS = 50
MESSAGES = int(os.environ.get("ACTORBUS_MESSAGES_PER_KEY", "8"))
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
        await trio.sleep(rng.uniform(1.0, 3.0))
        worker.kill()
    start(seed=rng.random())


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
                nursery.start_soon(keep_working, start, rng, KILLS // PROCESSES)
            with trio.fail_after(PATIENCE):
                while len(await moved(bus)) < KEYS * MESSAGES:  # noqa: ASYNC110  others write it
                    await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
        rows = await moved(bus)

    expected = [(number, number - 1, True) for number in range(MESSAGES)]
    for key in range(KEYS):
        assert [row[1:] for row in rows if row[0] == f"key {key}"] == expected
