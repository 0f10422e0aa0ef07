"""Arrivals at a fixed rate, and the quantiles of what they waited."""

import pytest
import trio

from benchmarks._open_loop import Schedule, arrive
from benchmarks._quantiles import quantile, quantiles


async def test_each_begins_when_it_is_due(autojump_clock):
    begun = []

    async def begin(number):
        begun.append((number, trio.current_time() - schedule.start))

    schedule = Schedule(trio.current_time() + 1.0, rate=4.0)
    await arrive(schedule, 3, begin)

    assert [(0, 0.0), (1, 0.25), (2, 0.5)] == begun


async def test_one_that_takes_long_holds_up_none_of_the_others(autojump_clock):
    """A closed loop would begin the second only after the first: that is what is avoided."""
    begun = []

    async def begin(number):
        begun.append(trio.current_time() - schedule.start)
        await trio.sleep(100)

    schedule = Schedule(trio.current_time(), rate=10.0)
    await arrive(schedule, 3, begin)

    assert pytest.approx([0.0, 0.1, 0.2]) == begun


async def test_a_late_loop_begins_all_that_are_due_at_once(autojump_clock):
    """Latency counts from the intended times, so that the time without a send is in it."""
    begun = []

    async def begin(number):
        begun.append((trio.current_time(), trio.current_time() - schedule.intended(number)))

    schedule = Schedule(trio.current_time() - 2.0, rate=1.0)
    now = trio.current_time()
    await arrive(schedule, 3, begin)

    assert {(now, 2.0), (now, 1.0), (now, 0.0)} == set(begun)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.999, 100), (0.0, 1)])
def test_a_quantile_is_a_value_that_was_measured(share, expected):
    assert expected == quantile([float(number) for number in range(1, 101)], share)


def test_there_is_no_quantile_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        quantile([], 0.5)


def test_quantiles_are_named_and_the_largest_value_is_among_them():
    assert {"p50": 2.0, "p95": 3.0, "p99": 3.0, "p99.9": 3.0, "max": 3.0} == quantiles([3, 1, 2])
