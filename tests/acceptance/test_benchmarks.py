"""The benchmarks run; their figures are for people and machines that have nothing else to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKLOADS = [
    *("drain", "calls", "queries", "publish", "batches", "ordering", "neighbours", "fairness"),
    *("memory", "tenants", "replay"),
]
DURABLE = [
    *("durable-drain", "durable-transactions", "durable-publish"),
    *("durable-relay", "durable-hot-rows", "durable-recovery", "durable-costs"),
]
SUITES = ["latency-sqlite", "latency-postgres", "latency-kafka"]
"""Of these test_benchmark_suites runs one each."""


def benchmarks(*arguments, **addresses):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env=os.environ | addresses,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_each_workload_runs_and_reports_figures_and_goals(workload):
    done = benchmarks("run", workload, "--quick", "--repeat", "1", "--json")

    assert done.returncode == 0, done.stderr
    [result] = json.loads(done.stdout)["results"]
    assert workload == result["workload"]
    assert result["goals"]
    assert all(series["median"] > 0 for series in result["series"])


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("workload", DURABLE)
def test_each_durable_workload_runs_beside_the_driver_alone(
    workload, postgres_server, kafka_server
):
    done = benchmarks(
        *("run", workload, "--quick", "--no-peers", "--repeat", "1", "--json"),
        ACTORBUS_TEST_POSTGRESQL=postgres_server.url,
        ACTORBUS_TEST_KAFKA=kafka_server.servers,
    )

    assert done.returncode == 0, done.stderr
    [result] = json.loads(done.stdout)["results"]
    assert workload == result["workload"]
    assert result["series"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_message_costs_no_more_than_the_baseline_says(postgres_server):
    """Statements, round trips and bytes of log: `python -m benchmarks.durable` writes it anew."""
    addresses = {"ACTORBUS_TEST_POSTGRESQL": postgres_server.url}

    done = benchmarks("check", "durable-costs", "--json", **addresses)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workloads_are_listed():
    listed = benchmarks("list").stdout

    assert [line.split()[0] for line in listed.splitlines()] == WORKLOADS + DURABLE + SUITES


def test_an_unknown_workload_is_refused_with_the_known_ones():
    done = benchmarks("run", "drian")

    assert done.returncode == 2
    assert "drain" in done.stderr
