"""Counters: what they count, that it is the same each time, and when the gate closes."""

import sqlite3

import pytest
import trio

from benchmarks import _baseline
from benchmarks._suites import WORKLOADS
from benchmarks.counters._counting import Calls, Statements, Wakeups, blocks, run
from benchmarks.counters.workload import FOLDER, PARTS, file


def test_statements_and_commits_are_counted_on_every_connection():
    statements = Statements()
    with statements.counting():
        with_trace = sqlite3.connect(":memory:", isolation_level=None)
        with_trace.set_trace_callback(None)
        for sql in ("BEGIN", "CREATE TABLE t (n)", "INSERT INTO t VALUES (1)", "COMMIT"):
            with_trace.execute(sql)
        with_trace.close()
    sqlite3.connect(":memory:").close()

    assert (4, 1) == (statements.seen["statements"], statements.seen["commits"])


def test_wake_ups_are_tasks_that_became_runnable():
    async def sleeping(count):
        for _ in range(count):
            await trio.sleep(1)

    few, many = Wakeups(), Wakeups()
    run(sleeping, 10, few)
    run(sleeping, 30, many)

    assert many.count - few.count == 20


def test_calls_are_of_functions_in_python_and_in_c():
    def nothing():
        pass

    none, two = Calls(), Calls()
    with none.counting():
        pass
    with two.counting():
        str.upper("a")
        nothing()

    assert two.count - none.count == 2


def test_blocks_are_those_that_are_held():
    before = blocks()
    held = [object() for _ in range(1000)]

    assert 1000 <= blocks() - before <= 1010
    assert len(held) == 1000


def test_tasks_run_in_the_same_order_each_time():
    orders = []

    async def order(count):
        ran = []

        async def note(number):
            await trio.lowlevel.checkpoint()
            ran.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(note, number)
        orders.append(ran)

    for _ in range(5):
        run(order, 10)

    assert orders == [orders[0]] * 5


@pytest.mark.parametrize(
    ("counter", "committed", "value", "met"),
    [
        ("statements", 2.17, 2.17, True),
        ("statements", 2.17, 2.18, False),
        ("commits", 0.01, 0.012, False),
        ("wake_ups", 2.0, 2.02, True),
        ("wake_ups", 2.0, 2.05, False),
        ("calls", 135.0, 136.0, True),
        ("calls", 135.0, 140.0, False),
        ("blocks_kept", 0.0, 1.0, False),
        ("blocks_held", 28.9, 29.9, False),
    ],
)
def test_what_costs_more_than_its_baseline_is_missed(counter, committed, value, met):
    [goal] = _baseline.goals(
        {"send": {counter: value}}, {"send": {counter: committed}}, _baseline.EXACT
    )

    assert met is goal.met


def test_each_counter_has_a_committed_baseline():
    assert {file(part) for part in PARTS.values()} == set(FOLDER.glob("*.json"))
    for name, part in PARTS.items():
        assert name in WORKLOADS
        assert all(cost for cost in _baseline.read(file(part)).values())
