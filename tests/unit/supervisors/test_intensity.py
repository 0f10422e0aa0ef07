"""How often is too often: OTP's rule, by hand and beside a plain count."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import ConfigurationError, Intensity, Window


def verdicts(limit, times):
    """Whether the limit holds at each of the restarts."""
    window, holds = Window(), []
    for now in times:
        window, still = window.record(now, limit)
        holds.append(still)
    return holds


def test_more_than_the_limit_gives_up():
    assert verdicts(Intensity(3, 10), [0.0, 1.0, 2.0, 9.0]) == [True, True, True, False]


def test_a_restart_exactly_as_old_as_the_window_still_counts():
    assert verdicts(Intensity(1, 5), [0.0, 5.0]) == [True, False]


def test_a_restart_older_than_the_window_no_longer_counts():
    assert verdicts(Intensity(1, 5), [0.0, 5.001]) == [True, True]


def test_failures_spaced_wider_never_give_up():
    assert all(verdicts(Intensity(3, 10), [at * 3.4 for at in range(1000)]))


def test_zero_means_never_restart():
    assert verdicts(Intensity(0, 5), [0.0]) == [False]


def test_none_never_gives_up_and_remembers_nothing():
    window, holds = Window().record(1.0, Intensity(None, 5))

    assert holds
    assert Window() == window


def test_windows_below_a_second():
    limit = Intensity(2, timedelta(milliseconds=50))

    assert verdicts(limit, [0.0, 0.01, 0.05]) == [True, True, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_restarts": -1}, "max_restarts=-1 is not allowed.*None never gives up"),
        ({"max_restarts": 1.5}, "max_restarts=1.5"),
        ({"max_restarts": True}, "max_restarts=True"),
        ({"within": 0}, "within=0 is not allowed: give seconds"),
        ({"within": None}, "within=None"),
    ],
)
def test_options_are_refused_by_name_and_value(options, words):
    with pytest.raises(ConfigurationError, match=words):
        Intensity(**options)


moments = st.lists(st.integers(0, 200), min_size=1, max_size=30).map(sorted)


@given(moments, st.integers(0, 5), st.integers(1, 50))
def test_it_holds_exactly_while_no_window_has_more(times, max_restarts, within):
    """Beside a plain count over all the times so far."""
    holds = verdicts(Intensity(max_restarts, within), times)

    for position, now in enumerate(times):
        recent = [at for at in times[: position + 1] if at >= now - within]
        assert holds[position] is (len(recent) <= max_restarts)


@given(moments, st.integers(0, 5), st.integers(1, 50))
def test_the_window_keeps_nothing_too_old(times, max_restarts, within):
    window = Window()
    for now in times:
        window, _ = window.record(now, Intensity(max_restarts, within))

    assert all(times[-1] - at <= within for at in window.restarts)
