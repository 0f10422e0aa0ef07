"""The unit of work against a store that writes down what it is asked, and fails on request."""

from typing import Any

import pytest
import trio

from actorbus._errors import HandlerEnded, RollbackOnly
from actorbus._settlement import ACK
from actorbus._store import GroupLost, StaleClaim
from actorbus.messages._message import Headers
from actorbus.transactions._inner_units import InnerUnitOfWork
from actorbus.transactions._listeners import Outcome
from actorbus.transactions._unit_of_work import UnitOfWork

CLAIMED: Any = "claimed"


def make_inner(outer):
    return InnerUnitOfWork(outer, "inner", Headers(id="m"))


def make_unit(store, owner="e", **options):
    return UnitOfWork(store, owner, **options)


class RecordingTurn:
    """A turn that notes its calls; those named in `failing` raise."""

    def __init__(self, store):
        self._store = store

    async def append(self, copies):
        self._store.note("append", *copies)
        return len(copies)

    async def remember(self, endpoint, key):
        self._store.note("remember", endpoint, key)
        return key not in self._store.seen

    async def settle(self, claimed, settlement):
        self._store.note("settle", claimed)

    async def finish(self, listener):
        self._store.note("finish")
        self._store.listeners.append(listener)

    async def rollback(self):
        self._store.note("rollback")


class RecordingStore:
    def __init__(self, **failing):
        self.calls = []
        self.failing = failing
        self.seen = set()
        self.listeners = []

    def note(self, name, *arguments):
        self.calls.append((name, *arguments))
        if name in self.failing:
            raise self.failing[name]

    def names(self):
        return [call[0] for call in self.calls]

    async def acquire(self, owner, *, alone=False, group=1):
        await trio.lowlevel.checkpoint()
        self.note("acquire", owner, alone)
        return RecordingTurn(self)

    def settle_soon(self, claimed, settlement, on_commit, on_lost):
        self.note("settle_soon", claimed)


class Heard:
    def __init__(self):
        self.what = []

    def committed(self):
        self.what.append("committed")

    def lost(self, error):
        self.what.append(error)


async def test_a_settlement_alone_never_takes_the_writer():
    store = RecordingStore()
    await make_unit(store).commit(Heard(), CLAIMED, ACK)

    assert store.names() == ["settle_soon"]


async def test_nothing_to_write_is_committed_at_once():
    store, heard = RecordingStore(), Heard()
    await make_unit(store).commit(heard)

    assert (store.calls, heard.what) == ([], ["committed"])


async def test_everything_is_written_in_one_turn_in_order():
    store = RecordingStore()
    unit = make_unit(store, alone=True)
    unit.stage(["copy"])
    await unit.commit(Heard(), CLAIMED, ACK, ("e", "key"))

    assert store.calls == [
        ("acquire", "e", True),
        ("remember", "e", "key"),
        ("append", "copy"),
        ("settle", CLAIMED),
        ("finish",),
    ]


async def test_what_was_handled_before_is_undone():
    store = RecordingStore()
    store.seen.add("key")
    unit = make_unit(store)
    unit.stage(["copy"])

    assert not await unit.commit(Heard(), CLAIMED, ACK, ("e", "key"))
    assert store.names() == ["acquire", "remember", "rollback"]


@pytest.mark.parametrize("step", ["append", "settle", "finish"])
async def test_a_step_that_fails_undoes_the_turn_and_tells_no_listener(step):
    store, heard = RecordingStore(**{step: StaleClaim("gone")}), Heard()
    unit = make_unit(store)
    unit.stage(["copy"])
    with pytest.raises(StaleClaim):
        await unit.commit(heard, CLAIMED, ACK)

    assert store.names()[-1] == "rollback"
    assert heard.what == []


async def test_a_unit_that_failed_cannot_commit():
    store = RecordingStore()
    unit = make_unit(store)
    await unit.turn()
    unit.fail(ValueError("first"))
    unit.fail(KeyError("second"))
    with pytest.raises(RollbackOnly) as caught:
        await unit.commit(Heard(), CLAIMED, ACK)

    assert isinstance(caught.value.__cause__, ValueError)
    assert store.names() == ["acquire", "rollback"]


async def test_a_unit_that_is_over_refuses_everything():
    unit = make_unit(RecordingStore(), "e")
    await unit.rollback()
    await unit.rollback()

    for refused in (lambda: unit.stage([]), lambda: unit.after_commit(print), unit.check_open):
        with pytest.raises(HandlerEnded, match="e: the handler"):
            refused()
    with pytest.raises(HandlerEnded):
        await unit.turn()


async def test_hooks_wait_for_the_commit_and_are_dropped_with_a_lost_group():
    ran: list[str] = []
    store = RecordingStore()
    for _ in range(2):
        unit = make_unit(store, run_hooks=ran.extend)
        unit.after_commit("hook")
        unit.stage(["copy"])
        await unit.commit(Heard())
    assert ran == []
    store.listeners[0].lost(GroupLost("the group"))
    store.listeners[1].committed()

    assert ran == ["hook"]


async def test_tasks_that_need_the_turn_at_once_take_it_once():
    store = RecordingStore()
    unit = make_unit(store)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(unit.turn)

    assert store.names() == ["acquire"]


async def test_a_turn_that_comes_after_the_end_is_given_back():
    store = RecordingStore()
    unit = make_unit(store)

    async def take():
        with pytest.raises(HandlerEnded):
            await unit.turn()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        nursery.start_soon(unit.rollback)

    assert store.names() in (["acquire", "rollback"], [])


async def test_a_task_that_is_cancelled_while_it_takes_the_turn_leaves_it_to_the_next():
    store = RecordingStore()
    unit = make_unit(store)
    with trio.CancelScope() as scope:
        scope.cancel()
        await unit.turn()
    await unit.turn()

    assert store.names() == ["acquire"]


async def test_an_outcome_raises_what_the_commit_was_lost_with():
    outcome = Outcome()
    outcome.lost(GroupLost("the group"))
    with pytest.raises(GroupLost):
        await outcome.wait()


async def test_an_inner_unit_without_statements_opens_no_savepoint():
    store = RecordingStore()
    outer = make_unit(store, "outer")
    inner = make_inner(outer)
    inner.stage(["copy"])
    inner.after_commit("hook")
    await inner.merge()

    assert (outer.staged, store.calls) == (["copy"], [])


async def test_an_inner_unit_that_fails_leaves_nothing_to_the_outer_one():
    outer = make_unit(RecordingStore(), "outer")
    inner = make_inner(outer)
    inner.stage(["copy"])
    inner.fail(ValueError())
    with pytest.raises(RollbackOnly):
        await inner.merge()

    assert outer.staged == []
    assert not outer.rollback_only
