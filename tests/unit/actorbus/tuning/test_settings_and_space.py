"""The knobs, and the grid of their values."""

import random

import pytest

from actorbus import Supervision
from actorbus.tuning import KNOBS, differences
from actorbus.tuning._space import GRID, Space
from supervisors import Backoff, ConfigurationError, Retry


def test_every_knob_can_be_read_and_turned_to_each_value_of_the_grid():
    patient = Supervision(
        backoff=Backoff(initial=0.01, maximum=1000.0),
        retry=Retry(initial=0.01, maximum=1000.0),
        breaker=3,
    )
    for knob, axis in GRID.items():
        for value in axis:
            assert patient.changed({knob: value}).value(knob) == value


def test_the_grid_has_an_axis_for_every_knob():
    assert list(GRID) == list(KNOBS)


def test_turning_a_knob_leaves_the_others_as_they_are():
    before = Supervision(
        backoff=Backoff(initial=0.3),
        retry=Retry(attempts=7),
        max_restarts=5,
        within=60.0,
        breaker=4,
    )

    after = before.changed({"backoff_maximum": 9.0, "breaker": None})

    assert differences(before, after) == ["backoff_maximum", "breaker"]
    assert after.backoff == Backoff(initial=0.3, maximum=9.0)


def test_settings_that_contradict_themselves_are_refused():
    with pytest.raises(ConfigurationError, match="maximum=0.05 is less than initial=0.1"):
        Supervision().changed({"backoff_maximum": 0.05})


@pytest.mark.parametrize(
    ("knob", "value", "written"),
    [
        ("backoff_initial", 0.5, "0.5 s"),
        ("backoff_jitter", 0.2, "20 %"),
        ("backoff_first_immediate", False, "no"),
        ("retry_attempts", 5, "5"),
        ("max_restarts", None, "none"),
    ],
)
def test_values_are_written_with_their_unit(knob, value, written):
    assert KNOBS[knob].written(value) == written


def test_the_settings_of_today_are_on_the_grid_in_order():
    space = Space.around(Supervision(backoff=Backoff(maximum=7.0), max_restarts=5))

    assert space.axes["backoff_maximum"][3:6] == [5.0, 7.0, 10.0]
    assert space.axes["max_restarts"] == [3, 5, 10, 30, None]


def test_what_is_to_be_kept_has_no_axis():
    space = Space.around(Supervision(), keep=["breaker"])

    drawn = {space.draw(random.Random(seed)).breaker for seed in range(50)}
    assert drawn == {None}
    assert set(KNOBS) - set(space.axes) == {"breaker", "max_restarts", "within"}


def test_a_limit_of_restarts_is_looked_at_only_where_there_is_one():
    assert "within" not in Space.around(Supervision()).axes
    assert "within" in Space.around(Supervision(max_restarts=3)).axes


def test_every_unknown_knob_to_keep_is_named_at_once():
    with pytest.raises(ConfigurationError) as refused:
        Space.around(Supervision(), keep=["brake", "speed"])

    assert [problem.split(" is ")[0] for problem in refused.value.problems] == [
        "keep='brake'",
        "keep='speed'",
    ]


def test_neighbours_are_one_step_away_and_leave_out_contradictions():
    space = Space.around(Supervision(backoff=Backoff(initial=0.5, maximum=0.5)))

    around = space.neighbours(space.baseline, "backoff_maximum")

    assert [one.backoff.maximum for one in around] == [1.0]


def test_draws_are_repeated_by_their_seed():
    space = Space.around(Supervision())

    def drawn(seed):
        draws = random.Random(seed)
        return [space.mutate(space.draw(draws), draws) for _ in range(20)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
