"""What the suites `latency` and `faults` measure, at their smallest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ("--quick", "--no-peers", "--repeat", "1", "--json")


def measured(workload):
    """Run a workload, and return its figures by name."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", workload, *SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [result] = json.loads(done.stdout)["results"]
    return {series["name"]: series["median"] for series in result["series"]}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_latency_is_told_by_rate_and_quantile():
    figures = measured("latency-sqlite")

    assert ["200/s: p50", "200/s: p95", "200/s: p99", "200/s: p99.9", "200/s: max"] == [*figures]
    assert sorted(figures.values()) == [*figures.values()]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_overload_takes_memory_within_bounds():
    figures = measured("faults-overload")

    assert ["a channel on SQLite: grown"] == [*figures]
