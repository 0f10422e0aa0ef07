"""Steps of the fault tests that run the recorder in processes of its own."""

import os
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trio

from tests.faults.recorder_app import TABLES, SetUp, make_bus

ROOT = Path(__file__).parents[2]
APP = "tests.faults.recorder_app:bus"
PATIENCE = 60
"""Seconds: a net under waits that end with an event."""


@asynccontextmanager
async def watcher(url, **options):
    """The bus of a process that only sends and looks."""
    bus = make_bus(url, **options)
    async with bus.running(consume="none"):
        await bus.commands.send(SetUp())
        yield bus


@contextmanager
def workers(app=APP):
    """Give a function that starts workers; none of them outlives the block."""
    started = []

    def start(url, **settings):
        environment = {f"RECORDER_{name.upper()}": str(value) for name, value in settings.items()}
        worker = subprocess.Popen(
            [sys.executable, "-m", "actorbus", "run", app, "--log-level", "warning"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "RECORDER_STORE": url} | environment,
            cwd=ROOT,
        )
        started.append(worker)
        return worker

    try:
        yield start
    finally:
        for worker in started:
            worker.kill()
            worker.wait()


async def died(worker):
    """Wait until it has been killed by itself."""
    return await trio.to_thread.run_sync(lambda: worker.wait(PATIENCE))


async def rows(bus, table):
    """Return how often each number is in a table, as committed."""
    async with await bus.store.snapshot("test") as view:
        return Counter(row[0] for row in await view.fetch(f"SELECT number FROM {table}"))


async def recorded(bus):
    """Return how many numbers are in both tables."""
    return min([len(await rows(bus, table)) for table in TABLES])


async def until_recorded(bus, count, *others):
    """Wait until this many numbers are in both tables; these processes are to live meanwhile."""
    with trio.fail_after(PATIENCE):
        while await recorded(bus) < count:
            assert all(other.poll() is None for other in others), "a worker ended by itself"
            await trio.sleep(0.02)


async def assert_each_is_there_once(bus, count):
    """Every number is in both tables, and none is there twice."""
    for table in TABLES:
        assert await rows(bus, table) == Counter(range(count)), table
