"""One workload of each suite, at its smallest: it runs, and says what it measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ("--quick", "--no-peers", "--repeat", "1", "--json")


def measured(workload, **addresses):
    """Run a workload, and return its figures by name."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", workload, *SMALL],
        cwd=ROOT,
        env=os.environ | addresses,
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

    assert ["100/s: p50", "100/s: p95", "100/s: p99", "100/s: p99.9", "100/s: max"] == [*figures]
    assert sorted(figures.values()) == [*figures.values()]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_topic_is_consumed_beside_the_driver_alone(postgres_server, kafka_server):
    figures = measured(
        "kafka-consume",
        ACTORBUS_TEST_POSTGRESQL=postgres_server.url,
        ACTORBUS_TEST_KAFKA=kafka_server.servers,
    )

    assert "actorbus, PostgreSQL as its store" in figures
    assert "aiokafka alone, a commit for 500" in figures
    assert all(figure > 0 for figure in figures.values())


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_overload_takes_memory_within_bounds():
    figures = measured("faults-overload")

    assert ["a channel on SQLite: grown"] == [*figures]
