"""Message health: attempts and delays."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import ConfigurationError, Redeliver, Retry, fate


def test_five_attempts_have_four_delays_between_them():
    retry = Retry(attempts=5, initial=1, factor=2, maximum=5, jitter=0.5)

    delays = [retry.next_delay(attempt, 0.0) for attempt in range(1, 7)]

    assert delays == [1.0, 2.0, 4.0, 5.0, None, None]


def test_jitter_only_lengthens():
    assert Retry(initial=1, jitter=0.5).next_delay(1, 1.0) == 1.5


def test_one_attempt_is_no_retry():
    assert Retry(attempts=1).next_delay(1, 0.5) is None


def test_attempts_count_from_one():
    with pytest.raises(ValueError, match="attempt=0"):
        Retry().next_delay(0, 0.5)


def test_times_may_be_timedeltas():
    assert Retry(initial=timedelta(seconds=1), maximum=timedelta(minutes=1)) == Retry(
        initial=1, maximum=60
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attempts": 0}, "Retry: attempts=0 is not allowed.*1 means no retry"),
        ({"attempts": None}, "attempts=None"),
        ({"initial": 0}, "initial=0 is not allowed.*attempts=1"),
        ({"initial": 60, "maximum": 1}, "maximum=1 is less than initial=60"),
    ],
)
def test_options_are_refused_by_name_and_value(options, words):
    with pytest.raises(ConfigurationError, match=words):
        Retry(**options)


@given(
    attempts=st.integers(1, 20),
    initial=st.floats(0.001, 10),
    factor=st.floats(1, 10),
    draw=st.floats(0, 1),
)
def test_there_are_as_many_delays_as_retries_and_each_is_in_range(attempts, initial, factor, draw):
    retry = Retry(attempts, initial, factor, maximum=60, jitter=0.2)

    tries = [retry.next_delay(attempt, draw) for attempt in range(1, attempts + 1)]
    delays = [delay for delay in tries if delay is not None]

    assert tries == [*delays, None]
    assert all(initial <= delay <= 60 * 1.2 for delay in delays)
    assert delays == sorted(delays)


@pytest.mark.parametrize(
    ("disposition", "fates"),
    [
        ("dead_letter", ["dead_letter"] * 4),
        ("discard", ["discard"] * 4),
        (Redeliver(attempts=3), ["redeliver", "redeliver", "dead_letter", "dead_letter"]),
    ],
)
def test_the_fate_of_the_message_in_hand(disposition, fates):
    assert fates == [fate(disposition, attempts) for attempts in (1, 2, 3, 4)]


def test_redelivering_once_is_refused():
    with pytest.raises(ConfigurationError, match=r"attempts=1 .*disposition='dead_letter'"):
        Redeliver(attempts=1)
