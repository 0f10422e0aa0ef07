"""A bus stops in time although another program holds the store's lock for ever."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest
import trio

from actorbus import ActorBus
from actorbus._store import StoreLocked
from actorbus.stores.sqlite._writer import CLOSING


@dataclass(frozen=True)
class Job:
    number: int


MOST = 1.0 + CLOSING + 3.0
"""Seconds beyond `shutdown_timeout`: last settlements, the store's lock, and a slow machine."""


@pytest.mark.parametrize("begun", [0, 3])
async def test_a_lock_that_lasts_delays_the_end_by_a_bounded_time(tmp_path, begun):
    """It was 6 seconds more than `shutdown_timeout`: the lock timeout, and again at the close."""
    path = tmp_path / "shop.db"
    bus = ActorBus("shop", f"sqlite:///{path}", shutdown_timeout=0.5)
    bus.add_channel("mail")
    started = []

    @bus.event_handler(channel="mail", endpoint_id="work")
    async def work(event: Job):
        started.append(event)
        await trio.sleep_forever()

    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with closing(other):
        with pytest.raises(StoreLocked):  # what is claimed is taken back when the lease ends
            async with bus.running():
                await bus.events.publish_many([Job(number) for number in range(begun)])
                while len(started) < begun:  # noqa: ASYNC110  a handler rings no bell
                    await trio.sleep(0.01)
                await trio.to_thread.run_sync(other.execute, "BEGIN EXCLUSIVE")
                stopping_at = trio.current_time()
        took = trio.current_time() - stopping_at

    assert took < 0.5 + MOST
    assert len(bus.unfinished) == begun
