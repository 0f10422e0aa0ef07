"""kill -9 of processes while keys are in their hands: what is handled stays in order, once each.

Two processes work on one store all the time; again and again one of them is killed, and another
one takes its place. The rows that they write tell the order of their commits.
"""

import pytest
import trio

from actorbus.testing import outgoing
from tests.faults.store_steps import opened, rows, run
from tests.faults.test_store_killed import worker

KEYS = 7
MESSAGES = 1400
KILLS = 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


async def handled(store):
    return [int(name) for (name,) in await rows(store, "SELECT name FROM effects ORDER BY rowid")]


async def work_and_die(path, rng, number):
    """Keep one process at work; each of the first ones is killed after a while."""
    for kills in range(KILLS):
        async with worker(path, f"worker {number}, {kills}"):
            await trio.sleep(rng.uniform(0.05, 0.3))
    async with worker(path, f"worker {number}"):
        await trio.sleep_forever()


async def test_keys_stay_in_order_while_processes_are_killed(tmp_path, rng):
    path = tmp_path / "shop.db"
    async with opened(path, "watcher", lease=60.0) as store:
        await run(store, "CREATE TABLE effects (name TEXT)")
        copies = [outgoing(str(n), ordering_key=f"key {n % KEYS}") for n in range(MESSAGES)]
        await store.append(copies)
        async with trio.open_nursery() as nursery:
            for number in range(2):
                nursery.start_soon(work_and_die, path, rng, number)
            with trio.fail_after(120):
                while len(await handled(store)) < MESSAGES:  # noqa: ASYNC110  # others write it
                    await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
        found = await handled(store)
        left = await rows(store, "SELECT count(*) FROM actorbus_keys")

    for key in range(KEYS):
        assert [n for n in found if n % KEYS == key] == list(range(key, MESSAGES, KEYS))
    assert left == [(0,)]
