"""Processes that are killed while they send ticks: each tick once, whoever sends it."""

import itertools
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 8
PATIENCE = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WORKER = """
import sys, trio
from actorbus import ActorBus, Tick, Transaction

bus = ActorBus("clocks", store=f"sqlite:///{sys.argv[1]}", lease=0.5)
bus.add_channel("schedules", concurrency=1)

@bus.scheduled(every=0.01, missed="all", missed_limit=100_000, name="often")
async def often(tick: Tick, tx: Transaction):
    await tx.execute("CREATE TABLE IF NOT EXISTS ticks (number INTEGER, planned_at REAL)")
    await tx.execute("INSERT INTO ticks VALUES ($1, $2)", tick.number, tick.planned_at.timestamp())

async def main():
    async with bus.running():
        print("ticking", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


class Worker:
    """A process that sends ticks and handles them, until it is killed."""

    def __init__(self, path):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path)], env=environment, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.communicate()


def ticks(path):
    """The numbers and times of the ticks that were handled, and how many were sent."""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        try:
            handled = connection.execute("SELECT number, planned_at FROM ticks").fetchall()
        except sqlite3.OperationalError:
            handled = []
        (sent,) = connection.execute("SELECT sum(ticks) FROM actorbus_schedules").fetchone()
        return handled, sent or 0


def until(condition):
    """Return when it holds; nothing tells of what another process commits."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_processes_of_which_one_is_killed_again_and_again_send_each_tick_once(tmp_path, rng):
    path = tmp_path / "clocks.db"
    workers = [Worker(path), Worker(path)]
    try:
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.05, 0.4))
            killed = workers.pop(rng.randrange(2))
            killed.kill()
            workers.append(Worker(path))
        sent = ticks(path)[1]
        until(lambda: len([one for one in ticks(path)[0] if one[0] <= sent]) >= sent)
    finally:
        for worker in workers:
            worker.kill()
    handled = [one for one in ticks(path)[0] if one[0] <= sent]

    assert Counter(number for number, _ in handled) == Counter(range(1, sent + 1))
    planned = sorted(at for _, at in handled)
    assert len(planned) > KILLS
    gaps = {round(later - earlier, 3) for earlier, later in itertools.pairwise(planned)}
    assert gaps == {0.01}
