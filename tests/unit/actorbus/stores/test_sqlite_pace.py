"""What keeps the SQLite store quick: turns without switches, claims by runs, inline statements."""

import sqlite3
from itertools import pairwise

import pytest
import trio
import trio.lowlevel
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actorbus._store import ProcessInfo
from actorbus.stores import open_store
from actorbus.stores.sqlite import _session
from actorbus.stores.sqlite._claims import consecutive
from actorbus.stores.sqlite._session import Session

# ------------------------------------------------------------------------------------------ turns


@pytest.fixture
async def store():
    store = open_store(":memory:")
    await store.open(ProcessInfo(process_id="p", bus="b", host="h", pid=1))
    yield store
    await store.close()


async def take(store, name, order):
    turn = await store.acquire(name)
    order.append(name)
    await turn.rollback()


async def test_who_gives_a_turn_up_may_have_the_next_one_in_the_same_pass(store, nursery):
    """A worker goes on without a switch of tasks; the line is served from the next pass on."""
    order: list[str] = []
    first = await store.acquire("worker")
    nursery.start_soon(take, store, "waiting", order)
    await trio.lowlevel.checkpoint()  # one pass: it waits in line, and has not been passed over

    await first.rollback()
    await take(store, "worker", order)
    await trio.testing.wait_all_tasks_blocked()

    assert ["worker", "waiting"] == order


async def test_a_turn_that_outlasts_a_pass_goes_to_the_line(store, nursery):
    """Whoever waited while the turn was held is not passed over again."""
    order: list[str] = []
    held = await store.acquire("worker")
    nursery.start_soon(take, store, "waiting", order)
    await trio.testing.wait_all_tasks_blocked()

    nursery.start_soon(held.rollback)
    nursery.start_soon(take, store, "late", order)
    await trio.testing.wait_all_tasks_blocked()

    assert ["waiting", "late"] == order


# ----------------------------------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([], []),
        ([7], [(7, 7)]),
        ([1, 2, 3], [(1, 3)]),
        ([1, 3, 4, 9], [(1, 1), (3, 4), (9, 9)]),
    ],
)
def test_numbers_are_claimed_by_runs(numbers, runs):
    assert runs == consecutive(numbers)


@given(st.sets(st.integers(0, 60)))
def test_runs_hold_exactly_the_numbers_and_never_touch(numbers):
    runs = consecutive(sorted(numbers))

    assert numbers == {n for first, last in runs for n in range(first, last + 1)}
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(runs))


# ------------------------------------------------------------------------------------- statements


class Clock:
    """A clock that each statement moves on by `pace`."""

    def __init__(self):
        self.now = 0.0
        self.pace = 0.0

    def __call__(self):
        self.now += self.pace
        return self.now


def test_a_statement_that_was_slow_once_is_run_inline_again_when_it_was_quick(monkeypatch):
    """A busy machine slows any statement now and then; that says nothing about the next one."""
    clock = Clock()
    monkeypatch.setattr(_session, "monotonic", clock)
    session = Session(sqlite3.connect(":memory:", isolation_level=None), None)

    clock.pace = 1.0
    session.fetch("SELECT 1", (), 60.0)
    assert {"SELECT 1"} == session.slow
    clock.pace = 0.0
    session.fetch("SELECT 1", (), 60.0)

    assert set() == session.slow
    session.close()
