"""What workers must get through whatever their messages come from: a pause, and wrong clocks."""

import os
import signal
import subprocess

from tests.faults.recorder_app import TABLES
from tests.faults.recording import ended, line_of, send, until_up


async def pause_one_beyond_its_lease(bus, database, start):
    """Stop a worker that holds a row which all need; `start` is given its settings alone."""
    paused = start(lease=2, concurrency=1, output=subprocess.PIPE)
    await send(bus, [0], hot=True, pause=0.5)
    assert await line_of(paused) == b"holding\n"
    os.kill(paused.pid, signal.SIGSTOP)
    other = start(lease=2)
    await send(bus, range(1, 20), hot=True)
    await database.until(20, other)
    assert database.fetch("SELECT count FROM hot") == [(20,)]

    os.kill(paused.pid, signal.SIGCONT)
    other.send_signal(signal.SIGTERM)
    assert await ended(other) == 0
    await send(bus, range(20, 40), hot=True)
    await database.until(40, paused)

    assert database.fetch("SELECT count FROM hot") == [(40,)]
    database.assert_each_is_there_once(40)
    assert database.fetch(f"SELECT count(*) FROM recorded WHERE pid = {paused.pid}") == [(20,)]


async def run_with_clocks_off(bus, database, start, batches):
    """Run batches of messages on a fast clock and a slow one; compare the database's moments."""
    for table in TABLES:
        database.fetch(f"ALTER TABLE {table} ADD at timestamptz DEFAULT clock_timestamp()")
    running = [start(clock=off, concurrency=4) for off in (600, -600)]
    await until_up(bus, *running)
    for batch in batches:
        await send(bus, batch, later=2.0, pause=0.02)
    messages = sum(map(len, batches))
    await database.until(messages, *running)

    database.assert_each_is_there_once(messages)
    ((soonest,),) = database.fetch(
        "SELECT extract(epoch FROM min(echoed.at - recorded.at))::float"
        " FROM echoed JOIN recorded USING (number)"
    )
    assert soonest > 1.9
