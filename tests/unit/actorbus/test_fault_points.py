"""The places where tests have processes killed: nothing happens there without a hook."""

import pytest

from actorbus._fault_points import FAULT_POINTS, FaultPoints
from actorbus.stores import open_store
from actorbus.testing import demand, outgoing, process


def test_nothing_happens_without_a_hook():
    points = FaultPoints()
    for point in FAULT_POINTS:
        points.reach(point)

    assert points.hook is None


def test_the_hook_gets_the_name_and_what_it_raises_is_raised():
    points, seen = FaultPoints(), []
    points.hook = seen.append
    points.reach("claimed")

    def fail(point):
        raise RuntimeError(point)

    points.hook = fail
    with pytest.raises(RuntimeError, match="before ack"):
        points.reach("before ack")
    assert seen == ["claimed"]


async def test_a_store_passes_its_commits_and_claims(clock):
    store, seen = open_store(":memory:"), []
    await store.open(process())
    store.fault_points.hook = seen.append
    await store.append([outgoing("a")])
    await store.claim([demand()])
    await store.claim([demand()])
    await store.close()

    commit = ["before commit", "after commit"]
    assert seen[:5] == [*commit, *commit, "claim committed"]
    assert seen.count("claim committed") == 1
