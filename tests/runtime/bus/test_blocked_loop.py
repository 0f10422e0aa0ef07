"""A handler that blocks the event loop is reported, and does not cost its process the lease."""

import asyncio
import logging
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import anyio
import pytest
import trio

from actorbus import ActorBus, ConfigurationError
from actorbus._store import ProcessInfo
from actorbus.stores import open_store
from actorbus.stores.sqlite._keeper import PATIENCE, LeaseKeeper
from actors.events import LoopBlocked


@dataclass(frozen=True)
class Parcel:
    number: int


async def test_a_handler_that_blocks_is_named_with_its_endpoint_and_its_own_lines(caplog):
    caplog.set_level(logging.WARNING, logger="actors")
    bus, reported, seen = ActorBus("depot", blocked_after=0.02), threading.Event(), []

    @bus.event_handler(channel="parcels", endpoint_id="ship")
    async def ship(event: Parcel):
        assert reported.wait(timeout=30)

    def note(event):
        seen.append(event)
        reported.set()

    bus.add_channel("parcels")
    async with bus.running():
        bus.system.events.subscribe(note, LoopBlocked)
        await bus.events.publish(Parcel(1))
        await bus.idle()
    assert seen[0].path == "depot/channels/parcels/ship"
    assert "in ship" in seen[0].stack.splitlines()[0]
    assert "depot/channels/parcels/ship has blocked the event loop" in caplog.text


@pytest.mark.parametrize("world", ["trio", "asyncio"])
def test_a_handler_that_blocks_the_asyncio_loop_is_named_too(caplog, world):
    """On the asyncio thread of a bus under trio, and on the loop of a program under asyncio."""
    caplog.set_level(logging.WARNING, logger="actors")
    bus = ActorBus("depot", runs_on="asyncio" if world == "trio" else None, blocked_after=0.02)
    reported, seen = threading.Event(), []

    @bus.event_handler(channel="parcels", endpoint_id="ship")
    async def ship(event: Parcel):
        await asyncio.sleep(0)
        assert reported.wait(timeout=30)

    def note(event):
        seen.append(event)
        reported.set()

    async def main():
        async with bus.running():
            bus.system.events.subscribe(note, LoopBlocked)
            await bus.events.publish(Parcel(1))
            await bus.idle()

    bus.add_channel("parcels")
    anyio.run(main, backend=world)
    assert seen[0].path.endswith(".ship")
    assert "in ship" in seen[0].stack.splitlines()[0]
    assert "has blocked the asyncio loop" in caplog.text


def test_what_else_blocks_a_programs_own_loop_is_not_reported():
    """It is the program's business; asyncio's debug mode tells of it."""
    bus, seen = ActorBus("depot", blocked_after=0.02), []

    async def main():
        async with bus.running():
            bus.system.events.subscribe(seen.append, LoopBlocked)
            time.sleep(0.2)  # noqa: ASYNC251  it blocks, and is not the bus's

    anyio.run(main, backend="asyncio")
    assert seen == []


@pytest.mark.parametrize("wrong", [0, -1.0, "soon"])
def test_a_threshold_that_is_none_is_refused(wrong):
    bus = ActorBus("depot", blocked_after=wrong)
    with pytest.raises(ConfigurationError, match="blocked_after="), bus.running_in_thread():
        pass


def process(lease):
    return ProcessInfo(process_id="one", bus="depot", host="here", pid=1, lease=lease)


async def test_the_lease_is_renewed_while_the_event_loop_is_blocked(tmp_path):
    path = tmp_path / "depot.db"
    store = open_store(f"sqlite:///{path}")
    await store.open(process(lease=2.0))
    await store.renew()
    with closing(sqlite3.connect(path)) as connection:
        block_until_it_changes(connection)
    assert store.lease_holds
    await store.close()


def block_until_it_changes(connection):
    before, until = expiry(connection), time.monotonic() + 30
    while expiry(connection) == before:
        assert time.monotonic() < until
        time.sleep(0.01)


def expiry(connection):
    return connection.execute("SELECT expires_boottime FROM actorbus_processes").fetchone()


class Held:
    process = process(lease=10.0)
    holds = True


def keeper(lease: Any) -> LeaseKeeper:
    return LeaseKeeper(lease, cast("Any", None))


@pytest.mark.parametrize(
    ("late", "needed"),
    [(2.5, False), (5.1, True), (10.0 * PATIENCE - 1, True), (10.0 * PATIENCE, False)],
)
def test_it_is_renewed_beside_the_loop_when_that_is_late_but_not_for_ever(late, needed):
    assert keeper(Held()).is_needed(late) is needed


def test_a_lease_that_has_run_out_is_not_renewed_beside_the_loop():
    lost = Held()
    lost.holds = False
    assert not keeper(lost).is_needed(6.0)


async def test_a_lease_that_was_taken_is_not_taken_back_beside_the_loop(tmp_path):
    path = tmp_path / "depot.db"
    store = open_store(f"sqlite:///{path}")
    await store.open(process(lease=10.0))
    parts = cast("Any", store)._parts
    with closing(parts.database.open_beside()) as connection:
        assert parts.lease.extend(connection)
        connection.execute("DELETE FROM actorbus_processes")
        assert not parts.lease.extend(connection)
    await store.close()


async def test_the_thread_that_keeps_the_lease_ends_with_the_store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/depot.db")
    await store.open(process(lease=10.0))
    await store.renew()
    assert [one for one in threading.enumerate() if one.name.endswith("depot.db: lease")]
    await store.close()
    assert not [one for one in threading.enumerate() if one.name.endswith("depot.db: lease")]
    await trio.lowlevel.checkpoint()
