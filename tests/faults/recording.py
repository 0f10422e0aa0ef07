"""Steps of the fault tests that run the recorder in processes of its own."""

import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import trio

from actorbus import Letter
from actorbus._store import StoreUnavailable
from tests.faults.recorder_app import TABLES, Record, Settings, SetUp, make_bus

ROOT = Path(__file__).parents[2]
APP = "tests.faults.recorder_app:bus"
PATIENCE = 60
"""Seconds: a net under waits that end with an event."""


@asynccontextmanager
async def watcher(url, **settings):
    """The bus of a process that only sends and looks."""
    bus = make_bus(Settings(url, **settings))
    async with bus.running(consume="none"):
        await bus.commands.send(SetUp())
        yield bus


@contextmanager
def workers(app=APP):
    """Give a function that starts workers; none of them outlives the block."""
    started = []

    def start(url, *channels, output=None, **settings):
        named = {f"RECORDER_{name.upper()}": str(it) for name, it in settings.items()}
        worker = subprocess.Popen(
            [sys.executable, "-m", "actorbus", "run", app, *channels, "--log-level", "warning"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "RECORDER_STORE": url} | named,
            cwd=ROOT,
            stdout=output,
        )
        started.append(worker)
        return worker

    try:
        yield start
    finally:
        for worker in started:
            worker.kill()
            worker.wait()
            if worker.stdout:
                worker.stdout.close()


async def ended(worker):
    """Wait until a process has ended, and return its exit code."""
    return await trio.to_thread.run_sync(lambda: worker.wait(PATIENCE))


async def line_of(worker):
    """Wait for the next line that a process prints."""
    return await trio.to_thread.run_sync(worker.stdout.readline)


async def send(bus, numbers, **fields):
    """Send records, again where the server was away: their ids tell them apart."""
    letters = [
        Letter(Record(number, **fields), message_id=f"record-{number}") for number in numbers
    ]
    with trio.fail_after(PATIENCE):
        while True:
            try:
                return await bus.commands.send_many(letters)
            except StoreUnavailable:
                await trio.sleep(0.1)


async def rows(bus, table):
    """Return how often each number is in a table, as committed."""
    async with await bus.store.snapshot("test") as view:
        return Counter(row[0] for row in await view.fetch(f"SELECT number FROM {table}"))


async def recorded(bus):
    """Return how many numbers are in both tables."""
    return min([len(await rows(bus, table)) for table in TABLES])


async def until_up(bus, *processes):
    """Wait until each of them has the store open."""
    pids = {process.pid for process in processes}
    with trio.fail_after(PATIENCE):
        while not pids <= {row.pid for row in await bus.store.processes()}:
            assert_alive(processes)
            await trio.sleep(0.02)


async def until_recorded(bus, count, *others):
    """Wait until this many numbers are in both tables; these processes are to live meanwhile."""
    with trio.fail_after(PATIENCE):
        while await recorded(bus) < count:
            assert_alive(others)
            await trio.sleep(0.02)


async def assert_each_is_there_once(bus, count):
    """Every number is in both tables, and none is there twice."""
    for table in TABLES:
        assert await rows(bus, table) == Counter(range(count)), table


def assert_alive(processes):
    """None of them has ended."""
    assert all(process.poll() is None for process in processes), "a worker ended by itself"


class Database:
    """What the tests see of a PostgreSQL database apart from the product, over a new connection."""

    def __init__(self, url):
        self.url = url

    def fetch(self, sql, tries=50):
        """Run a statement, again while the server is full."""
        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
                cursor = connection.execute(sql)
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            if tries == 0:
                raise
            time.sleep(0.02)
            return self.fetch(sql, tries - 1)

    def count(self, table="recorded"):
        return self.fetch(f"SELECT count(*) FROM {table}")[0][0]

    def numbers(self, table):
        return Counter(number for (number,) in self.fetch(f"SELECT number FROM {table}"))

    async def until(self, count, *processes, table="echoed"):
        """Wait until a table has this many rows; these processes are to live meanwhile."""
        with trio.move_on_after(PATIENCE):
            while self.count(table) < count:
                assert_alive(processes)
                await trio.sleep(0.02)
            return
        queues = self.fetch(
            "SELECT channel, endpoint, state, suspect, owner, count(*), max(attempts)"
            " FROM actorbus_messages GROUP BY 1, 2, 3, 4, 5"
        )
        raise AssertionError(f"{self.count(table)} of {count} {table}; in the store: {queues}")

    async def until_next(self, *processes):
        """Wait for the next recorded message; return after how many seconds it was seen."""
        began, before = time.perf_counter(), self.count()
        await self.until(before + 1, *processes, table="recorded")
        return time.perf_counter() - began

    def assert_each_is_there_once(self, count):
        """Every number is in both tables, and none is there twice."""
        for table in TABLES:
            assert self.numbers(table) == Counter(range(count)), table


def peak_memory(process):
    """Return the most megabytes that a process has held so far."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
