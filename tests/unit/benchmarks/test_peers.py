"""What the benchmarks run beside us: each in an environment of its own, of pinned versions."""

import pytest

from benchmarks._environments import sections, versions
from benchmarks._suites import WORKLOADS

PEERS = sorted({peer.environment for one in WORKLOADS.values() for peer in one.scenario.peers})


@pytest.mark.parametrize("peer", PEERS)
def test_all_that_a_peer_runs_with_is_pinned(peer):
    wanted = sections()[peer]

    assert wanted
    assert all("==" in line for line in wanted)
    assert versions()[peer]


def test_each_suite_has_the_peers_that_it_is_measured_beside():
    expected = {"pykka", "xoscar", "huey", "pgqueuer", "faststream-outbox", "procrastinate"}

    assert {*expected, "saq", "faststream"} == {*PEERS}
