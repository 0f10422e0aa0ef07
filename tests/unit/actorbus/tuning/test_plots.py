"""The plots are there, show what they say, and name the extra if matplotlib is missing."""

import sys

import pytest

from actorbus.tuning import draw_plots, search
from supervisors import ConfigurationError
from tests.unit.actorbus.tuning.probing import Probing


def found(**options):
    return search(Probing(), budget=None, runs=40, quick=True, **options)


def test_a_search_draws_its_front_and_its_figures(tmp_path):
    files = draw_plots(found(), tmp_path / "plots")

    assert [path.name for path in files] == [
        "front.svg",
        "front.png",
        "before-and-after.svg",
        "before-and-after.png",
    ]
    assert files[1].read_bytes().startswith(b"\x89PNG")
    text = files[0].read_text()
    assert "<!-- time to recover, s -->" in text
    assert "<!-- recommended -->" in text


def test_a_single_objective_has_plots_too(tmp_path):
    assert len(draw_plots(found(objective={"load": 1.0}), tmp_path)) == 4


def test_plots_without_matplotlib_are_an_error_that_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ConfigurationError, match=r"pip install actorbus\[tune\]"):
        draw_plots(found(), tmp_path)
