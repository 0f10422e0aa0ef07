"""Durations and amounts of memory, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus.cli._durations import readable, seconds
from actorbus.cli._sizes import size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5),
        ("10s", 10.0),
        ("2m", 120.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("1.5H", 5400.0),
        ("3", 3.0),
        ("0.25", 0.25),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text, expected):
    assert expected == seconds(text)


@pytest.mark.parametrize("text", ["", "s", "10 parsecs", "-5s", "1h-3m", "5s!", "1.2.3s", "inf"])
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="write 500ms, 10s") as refused:
        seconds(text)

    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (0.0, "0ms"),
        (0.35, "350ms"),
        (10.0, "10s"),
        (12.5, "12.5s"),
        (200.0, "3m 20s"),
        (3600.0, "1h 0m"),
        (187200.0, "2d 4h"),
    ],
)
def test_a_duration_is_shown_in_one_or_two_units(duration, expected):
    assert expected == readable(duration)


@given(st.floats(min_value=0.001, max_value=1e7))
def test_what_is_shown_reads_back_as_about_the_same(duration):
    """Two units keep the value within a tenth: 1m 59s is not shown as 1m."""
    assert seconds(readable(duration)) == pytest.approx(duration, rel=0.1, abs=0.001)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200M", 200_000_000),
        ("512MB", 512_000_000),
        ("1.5GiB", 1_610_612_736),
        ("64 kb", 64_000),
        ("1024", 1024),
        ("10B", 10),
    ],
)
def test_memory_is_a_number_with_a_decimal_or_binary_unit(text, expected):
    assert expected == size(text)


@pytest.mark.parametrize("text", ["", "MB", "10 parsecs", "-1M", "1TB"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(ValueError, match="write 200M"):
        size(text)
