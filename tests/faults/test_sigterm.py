"""SIGTERM under load: a worker ends in time and leaves nothing in its hands.

What it leaves is looked at through the store, right after the process has ended: nothing waits
for a lease to run out.
"""

import importlib
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import trio

from examples.flights.app import make_bus
from examples.flights.data import MONTH, read_departures
from examples.flights.messages import SetTheScene
from examples.flights.sender import letter
from examples.flights.workers import APP

ROWS = 6_000
PATIENCE = 60
"""Seconds: a net under waits that end with an event."""

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def rows():
    return list(islice(read_departures(MONTH), ROWS))


@pytest.fixture
async def bus(tmp_path, rows):
    """The bus of a process that only sends and looks, with work for a worker."""
    bus = make_bus(f"sqlite:///{tmp_path}/flights.db")
    async with bus.running(consume="none"):
        await bus.commands.send(SetTheScene(refused="EV"))
        await bus.commands.send_many(letter(row) for row in rows)
        yield bus


@pytest.fixture
def start():
    """Start workers; none of them outlives its test, also if that fails."""
    started = []

    def start(app, *, cwd=None, **environment):
        worker = subprocess.Popen(
            [sys.executable, "-m", "actorbus", "run", app],
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), **environment},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.communicate()


async def test_a_worker_under_load_ends_and_leaves_nothing_claimed(bus, rows, tmp_path, rng, start):
    """Ended in the middle: what it has done is there once, all else is ready for others at once."""
    moment = rng.randrange(ROWS // 4, ROWS // 2)
    worker = start(APP, FLIGHTS_STORE=f"sqlite:///{tmp_path}/flights.db")
    await until(bus, moment, worker)
    worker.send_signal(signal.SIGTERM)
    output, _ = await trio.to_thread.run_sync(lambda: worker.communicate(timeout=PATIENCE))
    queues = await bus.store.statistics()

    assert worker.returncode == 0, output
    assert "ActorDeadError" not in output
    assert [process.pid for process in await bus.store.processes()] == [os.getpid()]
    assert sum(queue.claimed for queue in queues) == 0
    assert sum(queue.ready for queue in queues) > 0, "it was ended too late to show anything"
    recorded = await ids(bus, "departures")
    left = sum(
        queue.ready + queue.waiting + queue.dead
        for queue in queues
        if queue.channel == "departures"
    )
    assert recorded.total() == len(recorded)
    assert recorded.total() + left == len(rows)


async def test_another_worker_goes_on_where_the_ended_one_stopped(bus, rows, tmp_path, start):
    """No lease has to run out in between: what is left counts no attempt and is no suspect."""
    worker = start(APP, FLIGHTS_STORE=f"sqlite:///{tmp_path}/flights.db")
    await until(bus, ROWS // 4, worker)
    worker.send_signal(signal.SIGTERM)
    await trio.to_thread.run_sync(lambda: worker.communicate(timeout=PATIENCE))
    claimed = await bus.store.claim([everything()])

    assert claimed
    assert {(message.attempts, message.suspect) for message in claimed} == {(0, False)}


def everything():
    from actorbus._store import Demand

    return Demand("departures", ("examples.flights.app.record_departure",), None, ROWS)


STUCK = """
    import os
    from dataclasses import dataclass
    import trio
    from actorbus import ActorBus

    @dataclass(frozen=True)
    class Wait:
        name: str

    bus = ActorBus("stuck", store=os.environ["STUCK_STORE"], shutdown_timeout=0.5)
    bus.add_channel("waits")

    @bus.command_handler(channel="waits")
    async def wait(command: Wait) -> None:
        print("began", flush=True)
        await trio.sleep_forever()
"""


async def test_a_handler_that_does_not_end_is_cut_off_released_and_named(
    tmp_path, monkeypatch, start
):
    """The limit is the bus's shutdown_timeout; the message is ready again, its id printed."""
    (tmp_path / "stuck.py").write_text(textwrap.dedent(STUCK))
    monkeypatch.setenv("STUCK_STORE", f"sqlite:///{tmp_path}/stuck.db")
    monkeypatch.syspath_prepend(str(tmp_path))
    stuck = importlib.import_module("stuck")
    bus = stuck.bus
    async with bus.running(consume="none"):
        await bus.commands.send(stuck.Wait("a"), message_id="the-stuck-one")
        worker = start("stuck:bus", cwd=tmp_path)
        await trio.to_thread.run_sync(began, worker)
        worker.send_signal(signal.SIGTERM)
        output, _ = await trio.to_thread.run_sync(lambda: worker.communicate(timeout=PATIENCE))
        (queue,) = await bus.store.statistics()

    assert worker.returncode == 0, output
    assert "the-stuck-one" in output
    assert (queue.ready, queue.claimed, queue.dead) == (1, 0, 0)


def began(worker):
    """Wait until the handler runs."""
    while worker.stdout.readline() not in {"began\n", ""}:
        pass


async def until(bus, goal, worker):
    """Wait until more than `goal` departures are recorded."""
    with trio.fail_after(PATIENCE):
        while (await ids(bus, "departures")).total() <= goal:
            assert worker.poll() is None, worker.communicate()[0]
            await trio.sleep(0.01)


async def ids(bus, table):
    async with await bus.store.snapshot("test") as view:
        return Counter(row[0] for row in await view.fetch(f"SELECT id FROM {table}"))
