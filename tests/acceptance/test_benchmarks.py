"""The benchmarks run; their figures are for people and machines that have nothing else to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKLOADS = [
    *("drain", "calls", "queries", "publish", "batches", "ordering", "neighbours", "fairness"),
    *("memory", "tenants", "replay"),
]


def benchmarks(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
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


def test_the_workloads_are_listed():
    listed = benchmarks("list").stdout

    assert [line.split()[0] for line in listed.splitlines()] == WORKLOADS


def test_an_unknown_workload_is_refused_with_the_known_ones():
    done = benchmarks("run", "drian")

    assert done.returncode == 2
    assert "drain" in done.stderr
