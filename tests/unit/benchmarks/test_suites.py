"""Suites: what is registered, what a name stands for, and who shares a table with whom."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from benchmarks import _environments
from benchmarks._cli import app
from benchmarks._measure import Result, Series
from benchmarks._process import MeasurementFailed
from benchmarks._runner import run
from benchmarks._scenario import Peer, Scenario, shares
from benchmarks._settings import Settings, Workload
from benchmarks._suites import SUITES, WORKLOADS, UnknownName, chosen

EXACTLY = Scenario("an insert", "effectively once")


def names(*wanted):
    return [workload.name for workload in chosen(wanted)]


def test_every_workload_belongs_to_one_suite():
    registered = [workload.name for suite in SUITES.values() for workload in suite.workloads]

    assert sorted(registered) == sorted(set(registered)) == sorted(WORKLOADS)


def test_each_peer_has_an_environment_with_pinned_versions():
    sections = _environments.sections()
    used = {peer.environment for one in WORKLOADS.values() for peer in one.scenario.peers}

    assert used <= set(sections)
    assert all("==" in line for lines in sections.values() for line in lines)


def test_a_suite_stands_for_its_workloads_and_each_runs_once():
    assert names("postgres", "durable-drain") == [one.name for one in SUITES["postgres"].workloads]
    assert names("all") == list(WORKLOADS)


def test_a_suite_goes_before_a_workload_of_its_name():
    assert names("tenants") == [one.name for one in SUITES["tenants"].workloads]


def test_durable_stands_for_what_it_always_did():
    assert {"durable-drain", "durable-relay", "durable-recovery"} <= set(names("durable"))


def test_all_unknown_names_are_told_at_once():
    with pytest.raises(UnknownName, match=r"no suite or workload drian, kafak \(known: .*drain"):
        chosen(["drian", "calls", "kafak"])


def test_only_systems_of_one_guarantee_class_share_a_table():
    peers = (
        Peer("Huey", "huey", "at most once", "it takes a task off first"),
        Peer("Same", "same"),
    )
    series = [Series(name, "/s", (1.0,)) for name in ("bus", "Huey", "bus / Huey", "Same")]

    own, apart = shares(replace(EXACTLY, peers=peers), series)

    assert (own.guarantee, [one.name for one in own.series]) == (
        "effectively once",
        ["bus", "Same"],
    )
    assert [one.name for one in apart.series] == ["Huey", "bus / Huey"]
    assert (apart.guarantee, apart.reason) == ("at most once", "it takes a task off first")


def test_a_peer_that_was_left_out_has_no_table():
    peer = Peer("Huey", "huey", "at most once", "it takes a task off first")

    assert len(shares(replace(EXACTLY, peers=(peer,)), [Series("bus", "/s", (1.0,))])) == 1


def test_a_peer_of_another_class_says_why():
    with pytest.raises(ValueError, match="Huey: give guarantee= and reason= together"):
        Peer("Huey", "huey", "at most once")


def measuring(size):
    def measure(settings):
        return Result("calls", [Series("rate", "/s", (float(settings.size(size, 1)),))], [])

    return replace(WORKLOADS["calls"], run=measure)


def failing(settings):
    raise MeasurementFailed("no server")


def test_a_workload_that_fails_does_not_cost_what_the_others_measured():
    kept = []
    failed = Workload("drain", "fails", failing, EXACTLY)

    document = run([failed, measuring(30)], Settings(), kept.append)

    assert document.failed == {"drain": "no server"}
    assert [entry.sizes for entry in document.entries] == [(30,)]
    assert [len(one.entries) for one in kept] == [0, 1]


def test_the_sizes_of_each_workload_are_noted_apart():
    document = run([measuring(30), measuring(40)], Settings())

    assert [entry.sizes for entry in document.entries] == [(30,), (40,)]


@pytest.mark.parametrize(("options", "times"), [(["--quick"], 1), ([], 0)])
def test_a_quick_run_says_that_its_figures_say_little(options, times, monkeypatch):
    monkeypatch.setattr("benchmarks._cli.chosen", lambda _names: [measuring(30)])

    done = CliRunner().invoke(app, ["run", "calls", "--repeat", "1", *options])

    assert done.exit_code == 0, done.output
    assert done.stdout.count("These figures say little") == times
