"""How benchmarks sum up what they measured."""

import pytest

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import MeasurementFailed, measure
from benchmarks._report import in_words, readable


def test_a_series_is_summed_up_by_median_and_range():
    series = Series("rate", "messages/s", (3.0, 1.0, 2.0))

    assert (2.0, 1.0, 3.0) == (series.median, series.low, series.high)


def test_ratios_compare_what_was_measured_in_the_same_round():
    """A round that something else slowed down slows both, and leaves the ratio alone."""
    ours = Series("ours", "messages/s", (10.0, 1.0))
    other = Series("other", "messages/s", (20.0, 2.0))

    assert (0.5, 0.5) == ratios(ours, other).values


@pytest.mark.parametrize(
    ("bound", "limit", "met"),
    [
        ("at least", 10, True),
        ("at least", 10.1, False),
        ("at most", 10, True),
        ("at most", 9, False),
    ],
)
def test_a_goal_is_met_at_its_limit(bound, limit, met):
    assert met is Goal("rate", 10, bound, limit).met


def test_a_result_says_in_json_which_goals_were_met():
    result = Result("drain", [Series("rate", "/s", (1.0,))], [Goal("rate", 1.0, "at least", 2.0)])

    document = result.to_json()

    assert [False] == [goal["met"] for goal in document["goals"]]
    assert [1.0] == [series["median"] for series in document["series"]]


@pytest.mark.parametrize(
    ("value", "shown"), [(104_123.7, "104,124"), (0.25432, "0.254"), (7.5, "7.5"), (0, "0")]
)
def test_figures_are_shown_with_three_digits(value, shown):
    assert shown == readable(value)


def test_a_program_that_fails_is_named_with_what_it_said():
    with pytest.raises(MeasurementFailed, match=r"no_such_program: exit code 1\n.*No module"):
        measure("benchmarks.no_such_program")


def test_a_program_that_prints_no_result_is_an_error():
    with pytest.raises(MeasurementFailed, match="printed no JSON"):
        measure("this")


def test_figures_are_told_in_words():
    assert in_words({"statistics": 492.5548, "others": 3579.35}) == "statistics 493, others 3,579"
