"""How long a failed child waits: the curve, the jitter, and what takes it back to the start."""

import random
from datetime import timedelta

import pytest

from supervisors import Backoff, BackoffState, ConfigurationError

EXPECTED = [3.0, 6.0, 12.0, 24.0, 30.0, 30.0]


def waits(backoff, phases, draw):
    """The delays of failures in a row."""
    delays, state = [], BackoffState()
    for phase in phases:
        delay, state = backoff.next(state, phase, 0.0, draw)
        delays.append(delay)
    return delays


def test_three_to_thirty_seconds_without_luck():
    backoff = Backoff(initial=3, maximum=30, jitter=0.2)

    assert [backoff.delay(wait, 0.0) for wait in range(1, 7)] == EXPECTED


def test_jitter_adds_up_to_its_share_and_never_shortens():
    backoff = Backoff(initial=3, maximum=30, jitter=0.2)

    longest = [3.6, 7.2, 14.4, 28.8, 36.0, 36.0]
    assert longest == pytest.approx([backoff.delay(wait, 1.0) for wait in range(1, 7)])


@pytest.mark.parametrize(("wait", "base"), list(enumerate(EXPECTED, start=1)))
def test_a_hundred_children_that_fail_together_come_back_spread_out(wait, base, rng):
    """They fall into each fifth of the range, and no two at the same moment."""
    backoff = Backoff(initial=3, maximum=30, jitter=0.2)

    delays = [backoff.delay(wait, rng.random()) for _ in range(100)]

    assert all(base <= delay < base * 1.2 for delay in delays)
    assert len(set(delays)) == 100
    fifths = {int((delay - base) / (base * 0.2) * 5) for delay in delays}
    assert {0, 1, 2, 3, 4} == fifths


def test_the_first_restart_is_immediate_and_takes_nothing_from_the_curve():
    backoff = Backoff(initial=3, maximum=30)

    assert [0.0, *EXPECTED] == waits(backoff, ["run"] * 7, draw=0.0)


def test_the_first_restart_waits_when_asked_to():
    backoff = Backoff(initial=3, maximum=30, first_immediate=False)

    assert waits(backoff, ["run"] * 6, draw=0.0) == EXPECTED


def test_failed_starts_always_wait():
    backoff = Backoff(initial=3, maximum=30)

    assert waits(backoff, ["start"] * 6, draw=0.0) == EXPECTED


def test_a_failure_in_a_row_is_never_immediate_again():
    backoff = Backoff(initial=3, maximum=30)

    assert waits(backoff, ["start", "run", "run"], draw=0.0) == [3.0, 6.0, 12.0]


@pytest.mark.parametrize(
    ("quiet", "succeeded", "over"),
    [(10.0, True, True), (9.99, True, False), (10.0, False, False), (1e9, False, False)],
)
def test_it_is_over_after_quiet_time_and_a_success(quiet, succeeded, over):
    assert over is Backoff(reset_after=10).is_over(quiet, succeeded=succeeded)


def test_an_outage_of_weeks_does_not_overflow():
    assert Backoff(maximum=30, jitter=0).delay(1_000_000, 0.5) == 30.0


def test_times_may_be_timedeltas():
    given = Backoff(
        initial=timedelta(milliseconds=500),
        maximum=timedelta(minutes=1),
        reset_after=timedelta(hours=1),
    )

    assert Backoff(initial=0.5, maximum=60.0, reset_after=3600.0) == given


@pytest.mark.parametrize("draw", [-0.1, 1.1, float("nan")])
def test_a_draw_out_of_range_is_refused(draw):
    with pytest.raises(ValueError, match="draw="):
        Backoff().delay(1, draw)


def test_waits_count_from_one():
    with pytest.raises(ValueError, match="attempt=0"):
        Backoff().delay(0, 0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"initial": 0}, "initial=0 is not allowed.*backoff=None"),
        ({"initial": -1}, "initial=-1 is not allowed"),
        ({"initial": "1s"}, "initial='1s' is not allowed: give seconds"),
        ({"initial": True}, "initial=True is not allowed"),
        ({"maximum": float("inf")}, "maximum=inf is not allowed"),
        ({"factor": 0.5}, "factor=0.5 is not allowed.*at least 1"),
        ({"jitter": 1.5}, "jitter=1.5 is not allowed.*at most 1"),
        ({"jitter": -0.2}, "jitter=-0.2 is not allowed"),
        ({"reset_after": timedelta(seconds=-1)}, "reset_after=.* is not allowed"),
        ({"first_immediate": 1}, "first_immediate=1 is not allowed: give True or False"),
        ({"initial": 10, "maximum": 5}, "maximum=5 is less than initial=10"),
    ],
)
def test_options_are_refused_by_name_and_value(options, words):
    with pytest.raises(ConfigurationError, match=words):
        Backoff(**options)


def test_all_problems_are_reported_at_once():
    with pytest.raises(ConfigurationError) as caught:
        Backoff(initial=0, factor=0, jitter=9)

    assert len(caught.value.problems) == 3
    assert caught.value.owner == "Backoff"
    assert all(key in str(caught.value) for key in ("initial=0", "factor=0", "jitter=9"))


def test_the_same_draws_give_the_same_delays(seed):
    backoff = Backoff()

    def delays():
        draws = random.Random(seed)
        return [backoff.delay(wait, draws.random()) for wait in range(1, 10)]

    assert delays() == delays()
