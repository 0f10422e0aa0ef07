"""How many messages an endpoint asks for."""

import pytest

from supervisors import free_places


@pytest.mark.parametrize(
    ("held", "unstarted", "ending", "asked"),
    [
        (0, 0, 0, 100),
        (60, 50, 0, 40),  # few are left to begin
        (60, 51, 0, 0),  # enough to do
        (100, 0, 0, 0),
        (120, 0, 0, 0),  # its limit was lowered
    ],
)
def test_it_fills_up_to_its_limit_when_few_are_left_to_begin(held, unstarted, ending, asked):
    assert free_places(100, held, unstarted, 50, ending) == asked


@pytest.mark.parametrize(
    ("held", "ending", "asked"),
    [
        (99, 98, 0),  # one was settled, 98 are on their way
        (76, 60, 0),
        (75, 60, 25),  # a quarter is worth a claim
        (90, 10, 10),  # most of what it holds runs for longer
        (99, 0, 1),
    ],
)
def test_it_does_not_ask_for_few_while_more_are_about_to_be_free(held, ending, asked):
    assert free_places(100, held, 0, 50, ending) == asked


def test_a_small_limit_is_filled_at_once():
    """A quarter of it is nothing: no handler waits for another one's settlement."""
    assert free_places(3, 2, 0, 1, 2) == 1
