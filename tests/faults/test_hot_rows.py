"""Two processes whose handlers all write to the same few rows."""

import pytest
import trio

from actorbus import Letter
from tests.faults.hot_app import ROWS, Add, SetUp, make_bus
from tests.faults.recording import PATIENCE, workers

EACH = 60
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"

pytestmark = [pytest.mark.slow]


@pytest.fixture
async def bus(postgres):
    bus = make_bus(postgres)
    async with bus.running(consume="none"):
        await bus.commands.send(SetUp())
        yield bus


async def read(bus, statement):
    async with await bus.store.snapshot("test") as view:
        return [row[0] for row in await view.fetch(statement)]


@pytest.mark.parametrize("group", [1, 10])
async def test_the_same_rows_written_by_two_processes_never_deadlock(bus, postgres, group):
    """With a transaction for each message, who waits for a row holds no other one.

    In a group somebody does, and is cut long before the server looks for deadlocks.
    """
    await bus.commands.send_many(Letter(Add(number % ROWS)) for number in range(ROWS * EACH))
    with workers("tests.faults.hot_app:bus") as start:
        both = [start(postgres, group=group) for _ in range(2)]
        with trio.fail_after(PATIENCE):
            while sum(await read(bus, "SELECT total FROM hot")) < ROWS * EACH:
                assert all(one.poll() is None for one in both)
                await trio.sleep(0.05)

    assert await read(bus, "SELECT total FROM hot") == [EACH] * ROWS
    assert await read(bus, "SELECT count(*) FROM actorbus_failures") == [0]
    assert await read(bus, DEADLOCKS) == [0]
