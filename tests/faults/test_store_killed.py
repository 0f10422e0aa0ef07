"""kill -9 of processes that work on a store, at random moments: nothing lost, nothing twice.

The effects are rows without unique keys, so a transaction that took place twice would show, and so
would one that took place by half. A power cut is not tried: the system's buffers survive a kill.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actorbus.testing import demand, names, outgoing
from tests.faults.store_steps import opened, rows, run
from tests.faults.store_worker import REPLIES

ROOT = Path(__file__).parents[2]
MESSAGES = 4000
KILLS = 12

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@asynccontextmanager
async def worker(path, name):
    """A worker process that has committed something; it is killed at the end of the block."""
    command = [sys.executable, "-m", "tests.faults.store_worker", str(path), name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    worker = await trio.lowlevel.open_process(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    try:
        await worker.stdout.receive_some()
        yield worker
    finally:
        worker.kill()
        with trio.CancelScope(shield=True):
            await worker.wait()
            await worker.stdout.aclose()


async def handled(store):
    return [name for (name,) in await rows(store, "SELECT name FROM effects")]


async def test_workers_killed_at_random_moments_leave_nothing_half_done(tmp_path, rng):
    path = tmp_path / "shop.db"
    everything = [str(number) for number in range(MESSAGES)]
    async with opened(path, "watcher") as store:
        await run(store, "CREATE TABLE effects (name TEXT)")
        for start in range(0, MESSAGES, 500):
            await store.append([outgoing(name) for name in everything[start : start + 500]])
        kills = 0
        while len(await handled(store)) < MESSAGES:
            async with worker(path, f"worker {kills}") as running:
                if kills < KILLS:
                    await trio.sleep(rng.uniform(0.0, 0.15))
                else:
                    await until_all_is_handled(store, running)
            kills += 1
            assert_complete(await handled(store), await replies(store))

        assert Counter(await handled(store)) == Counter(everything)
        assert kills > 1


SENDER = """
import sys, trio
from actorbus.stores import SqliteStore
from actorbus.testing import outgoing, process

async def main(path, name):
    store = SqliteStore(path)
    await store.open(process(name, lease=0.3))
    for number in range(2000):
        await store.append([outgoing(str(number), deduplication_key=str(number))])
        number or print("working", flush=True)
    await store.close()

trio.run(main, *sys.argv[1:])
"""


def send(path, name, kill_after=None):
    """Run a sender, killed so many seconds after its first commit; return its exit code."""
    command = [sys.executable, "-c", SENDER, str(path), name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        sender.stdout.readline()
        if kill_after is not None:
            time.sleep(kill_after)
            sender.kill()
    return sender.returncode


def test_a_killed_sender_sends_nothing_twice_when_it_is_run_again(tmp_path, rng):
    """Its keys tell what it had sent."""
    path = tmp_path / "shop.db"
    for number in range(5):
        send(path, str(number), kill_after=rng.uniform(0.0, 0.1))

    assert send(path, "last") == 0
    assert trio.run(everything_sent, path) == [str(number) for number in range(2000)]


async def everything_sent(path):
    async with opened(path) as store:
        return names(await store.claim([demand(5000)]))


async def until_all_is_handled(store, running):
    """Return when everything is handled; the worker says so at each commit."""
    while len(await handled(store)) < MESSAGES:
        await running.stdout.receive_some()


async def replies(store):
    found = await rows(
        store, f"SELECT message_id FROM actorbus_messages WHERE channel = '{REPLIES}'"
    )
    return [name for (name,) in found]


def assert_complete(effects, sent):
    """Each effect is there once, with its reply; those that were read later may be more."""
    assert len(set(effects)) == len(effects)
    assert len(set(sent)) == len(sent)
    assert {f"re-{name}" for name in effects} <= set(sent)
