"""A rate limit's arithmetic: never more than the burst and the rate allow, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus.endpoints._token_bucket import TokenBucket


def test_it_begins_full_and_fills_at_its_rate():
    bucket = TokenBucket(rate=2.0, burst=4)
    bucket.take(4, now=100.0)

    found = [bucket.available(100.0 + after) for after in (0.0, 0.4, 0.5, 1.0, 1.9, 2.0, 60.0)]
    assert found == [0, 0, 1, 2, 3, 4, 4]


def test_it_says_when_the_next_token_comes():
    bucket = TokenBucket(rate=4.0, burst=2)
    bucket.take(2, now=10.0)

    assert bucket.wait(1, now=10.0) == pytest.approx(0.25)
    assert bucket.wait(2, now=10.0) == pytest.approx(0.5)
    assert bucket.wait(1, now=10.25) == 0.0


def test_what_does_not_wait_is_paid_for_before_the_next():
    bucket = TokenBucket(rate=1.0, burst=1)
    bucket.take(3, now=0.0)

    assert bucket.available(2.9) == 0
    assert bucket.available(3.0) == 1


@given(
    rate=st.floats(0.01, 1000.0),
    burst=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 60)), max_size=60),
)
def test_no_interval_sees_more_than_the_burst_and_the_rate(rate, burst, steps):
    bucket = TokenBucket(rate, burst)
    now, taken = 0.0, []
    for pause, wanted in steps:
        now += pause
        count = min(wanted, bucket.available(now))
        bucket.take(count, now)
        taken.append((now, count))

    for first in range(len(taken)):
        total = 0
        for at, count in taken[first:]:
            total += count
            assert total <= burst + rate * (at - taken[first][0]) + 1e-3


@given(rate=st.floats(0.01, 1000.0), burst=st.integers(1, 50), count=st.integers(1, 50))
def test_after_the_wait_the_tokens_are_there(rate, burst, count):
    bucket = TokenBucket(rate, burst)
    bucket.take(burst, now=5.0)

    assert bucket.available(5.0 + bucket.wait(count, 5.0)) >= min(count, burst)
