"""One stream of random numbers for each child."""

from statistics import fmean

import pytest

from supervisors import draw_stream


def numbers(stream, count=5):
    return [stream.random() for _ in range(count)]


def test_a_seed_and_a_path_repeat_their_numbers():
    assert numbers(draw_stream(7, "shop/mailer")) == numbers(draw_stream(7, "shop/mailer"))


@pytest.mark.parametrize(
    "other",
    [draw_stream(8, "shop/mailer"), draw_stream(7, "shop/m"), draw_stream(7, "shop/mailer", "x")],
    ids=["seed", "path", "of"],
)
def test_another_seed_path_or_purpose_has_numbers_of_its_own(other):
    assert not set(numbers(draw_stream(7, "shop/mailer"))) & set(numbers(other))


def test_the_numbers_are_between_0_and_1_and_evenly_spread():
    seen = numbers(draw_stream(1, "a"), 10_000)

    assert 0 <= min(seen) < 0.01
    assert 0.99 < max(seen) < 1
    assert fmean(seen) == pytest.approx(0.5, abs=0.02)


def test_the_first_numbers_stay_what_they_are():
    """They are part of what a recorded trace and a seed repeat, in later versions as well."""
    assert numbers(draw_stream(42, "shop/mailer"), 2) == [0.23808204804216093, 0.06648145812046047]
