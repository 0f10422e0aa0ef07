"""Weights, fronts and distances."""

import pytest

from actorbus.tuning import Costs
from actorbus.tuning._objectives import Comparison, parse_weights
from supervisors import ConfigurationError

BOTH = Comparison({"recovery": 1.0, "load": 1.0})


def costs(recovery=0.0, load=0.0, loss=0.0, waiting=0.0):
    return Costs(recovery, load, loss, waiting)


def named(**points):
    return [(name, costs(*point)) for name, point in points.items()]


def test_weights_are_read_from_the_command_line():
    assert parse_weights("recovery=2, load,loss=0.5") == {"recovery": 2, "load": 1, "loss": 0.5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("speed", "no objective 'speed' (objectives: recovery, load, loss, waiting)"),
        ("load=0", "a weight is a number above 0"),
        ("load=x", "a weight is a number above 0"),
        ("load=nan", "a weight is a number above 0"),
        ("load=inf", "a weight is a number above 0"),
        ("", "names no objective"),
    ],
)
def test_what_is_wrong_with_an_objective_is_said(text, words):
    with pytest.raises(ConfigurationError) as refused:
        parse_weights(text)
    assert words in str(refused.value)


def test_everything_wrong_with_an_objective_is_said_at_once():
    with pytest.raises(ConfigurationError) as refused:
        parse_weights("speed,load=-1")
    assert len(refused.value.problems) == 2


def test_the_front_has_those_that_none_beats_in_every_figure_that_counts():
    found = named(quick=(1, 9), gentle=(9, 1), middle=(3, 3), beaten=(4, 4), half=(3, 9))

    assert [name for name, _ in BOTH.front(found)] == ["quick", "gentle", "middle"]


def test_of_equal_ones_the_first_is_on_the_front():
    assert [name for name, _ in BOTH.front(named(a=(1, 1), b=(1, 1)))] == ["a"]


def test_a_figure_without_a_weight_does_not_count():
    found = [("a", costs(1, 1, loss=5)), ("b", costs(1, 2, loss=0))]

    assert [name for name, _ in BOTH.front(found)] == ["a"]


def test_the_knee_is_the_best_and_what_is_beaten_comes_last():
    found = named(quick=(0.1, 100), beaten=(20, 20), knee=(2, 3), gentle=(100, 2))

    ordered = [name for name, _ in BOTH.best_first(found)]
    assert (ordered[0], ordered[-1]) == ("knee", "beaten")


def test_a_weight_draws_the_choice_to_its_figure():
    found = named(quick=(0.1, 100), knee=(2, 3), gentle=(100, 2))
    hasty = Comparison({"recovery": 100.0, "load": 1.0})

    assert hasty.best_first(found)[0][0] == "quick"


def test_a_figure_that_hardly_differs_does_not_outweigh_one_that_does():
    found = named(few=(10.0, 10.1), many=(1.0, 10.2))

    assert BOTH.best_first(found)[0][0] == "many"
