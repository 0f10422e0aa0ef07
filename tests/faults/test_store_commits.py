"""A mistake in the store's own task: found, told, and survived by the run that it is in."""

import logging

import pytest
import trio
import trio.testing

from actorbus._settlement import ACK
from actorbus._store import StoreUnavailable
from actorbus.stores.sqlite._writer import Writer
from actorbus.testing import Listener, demand, names, outgoing
from tests.faults.store_steps import opened, rows, run


class Mistake(Exception):
    pass


@pytest.fixture
async def store(tmp_path):
    async with opened(tmp_path / "shop.db") as store:
        await run(store, "CREATE TABLE effects (name TEXT)")
        yield store


@pytest.fixture
def break_once(monkeypatch):
    """Let a method of the writer's task fail at its next call; return the event of that."""

    def at(name):
        method, failed = getattr(Writer, name), trio.Event()

        async def fail(self, *arguments):
            monkeypatch.setattr(Writer, name, method)
            failed.set()
            raise Mistake

        monkeypatch.setattr(Writer, name, fail)
        return failed

    return at


async def test_a_finished_turn_hears_that_it_was_undone(store, break_once, caplog):
    turn = await store.acquire("a")
    await turn.execute("INSERT INTO effects VALUES ('a')")
    listener = Listener()
    await turn.finish(listener)
    break_once("_commit")
    with pytest.raises(StoreUnavailable, match="Mistake"):
        await listener.wait()

    await run(store, "INSERT INTO effects VALUES ('b')")
    assert await rows(store, "SELECT name FROM effects") == [("b",)]
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert record.exc_info[0] is Mistake


async def test_a_turn_that_is_held_writes_nothing_any_more(store, break_once):
    """Its savepoint is gone: a statement would otherwise commit by itself."""
    turn = await store.acquire("a")
    await turn.execute("INSERT INTO effects VALUES ('before')")
    failed = break_once("_watch")
    await failed.wait()
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(StoreUnavailable, match="Mistake"):
        await turn.execute("INSERT INTO effects VALUES ('after')")
    await turn.rollback()

    assert await rows(store, "SELECT name FROM effects") == []


async def test_those_in_line_hear_of_it_and_are_served_the_next_time(store, break_once):
    break_once("_begin")
    with pytest.raises(StoreUnavailable, match="Mistake"):
        await (await store.acquire("alone", alone=True)).rollback()

    assert await store.append([outgoing("m")]) == 1


async def test_settlements_that_were_queued_are_written_later(store, break_once):
    await store.append([outgoing("m")])
    (claimed,) = await store.claim([demand()])
    done = trio.Event()
    break_once("_begin")
    store.settle_soon(claimed, ACK, done.set, lambda _: None)
    with trio.fail_after(10):
        while not done.is_set():
            await store.poll()
            await trio.sleep(0.01)

    assert names(await store.claim([demand()])) == []
