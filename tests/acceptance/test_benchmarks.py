"""The benchmarks run; their figures are for people and machines that have nothing else to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._suites import SUITES, WORKLOADS, chosen

ROOT = Path(__file__).parents[2]
COSTS = ("durable-costs", "costs", "actors-costs")
"""Counted by a test of its own, with nothing beside it."""
MEASURED = [
    one.name
    for one in chosen(["actors", "embedded", "durable", "tenants", "kafka"])
    if one.name not in {*COSTS, "tenants-dwell"} and not one.name.endswith("-two-cores")
]
"""Of the other suites test_benchmark_suites runs one workload each."""
QUICK = ("--quick", "--no-peers", "--repeat", "1")


def started(*arguments, **addresses):
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | addresses,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def benchmarks(*arguments, **addresses):
    with started(*arguments, **addresses) as process:
        stdout, stderr = process.communicate(timeout=200)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


def by_service():
    """The names of the workloads, by the services that they need."""
    found = {}
    for name in MEASURED:
        found.setdefault(tuple(WORKLOADS[name].scenario.needs), []).append(name)
    return found


@pytest.fixture(scope="module")
def measured(postgres_server, kafka_server, tmp_path_factory):
    """What each workload measured; those that need other services run side by side."""
    folder = tmp_path_factory.mktemp("benchmarks")
    addresses = {
        "ACTORBUS_TEST_POSTGRESQL": postgres_server.url,
        "ACTORBUS_TEST_KAFKA": kafka_server.servers,
    }
    runs = [
        (file, started("run", *names, *QUICK, "--output", file, **addresses))
        for number, names in enumerate(by_service().values())
        for file in [folder / f"{number}.json"]
    ]
    found = {}
    try:
        for file, process in runs:
            _, stderr = process.communicate(timeout=200)
            assert file.exists(), stderr
            document = json.loads(file.read_text())
            found |= {one["workload"]: one for one in document["results"]} | document["failed"]
    finally:
        for _, process in runs:
            process.kill()
            process.communicate()
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("workload", MEASURED)
def test_each_workload_runs_and_reports_figures(workload, measured):
    found = measured[workload]

    assert isinstance(found, dict), found
    assert found["series"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_message_costs_no_more_than_the_baseline_says(postgres_server):
    """What is counted gates, not what is timed. `python -m benchmarks.counters` and
    `python -m benchmarks.durable` write the baselines anew.
    """
    addresses = {"ACTORBUS_TEST_POSTGRESQL": postgres_server.url}

    done = benchmarks("check", *COSTS, "--json", **addresses)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_list_shows_what_each_workload_does_and_guarantees():
    listed = json.loads(benchmarks("list", "--json").stdout)

    assert [suite["name"] for suite in listed] == list(SUITES)
    shown = [workload for suite in listed for workload in suite["workloads"]]
    assert [one["name"] for one in shown] == list(WORKLOADS)
    assert all(one["scenario"]["work"] and one["scenario"]["guarantee"] for one in shown)


def test_an_unknown_workload_is_refused_with_the_known_ones():
    done = benchmarks("run", "drian")

    assert done.returncode == 2
    assert "drain" in done.stderr
