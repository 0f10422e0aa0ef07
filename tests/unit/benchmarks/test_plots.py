"""Plots and the report: what is in them, and that the report needs nothing but itself."""

import json
import re
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from benchmarks._cli import app
from benchmarks._document import Entry, new
from benchmarks._html import html
from benchmarks._measure import Goal, Result, Series
from benchmarks._plots import NoPlots, drawn, plots
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings

HUEY = Peer("Huey", "huey", "at most once", "it takes a task off first")
SERIES = [
    Series("bus <1>", "messages/s", (1200.0, 1000.0, 1100.0)),
    Series("raw", "messages/s", (2000.0, 2100.0)),
    Series("Huey", "messages/s", (10.0,)),
    Series("bus / Huey", "messages/s", (20.0,)),
    Series("bus / raw", "x", (0.5, 0.6)),
]


@pytest.fixture
def entry():
    scenario = Scenario("an insert", "effectively once", {"max_in_flight": 400}, (HUEY,))
    result = Result("drain", SERIES, [Goal("rate", 1100.0, "at least", 2000.0)], ["a note"])
    return Entry("embedded", "rates & more", scenario, (30,), 1.0, result)


@pytest.fixture
def document(entry):
    return new(Settings(quick=True), [entry], {"calls": "no server"})


def test_a_plot_holds_figures_of_one_unit_and_guarantee_class(entry):
    found = {plot.title: [one.name for one in plot.series] for plot in plots(entry)}

    assert found == {
        "drain: messages/s (effectively once)": ["bus <1>", "raw"],
        "drain: messages/s (at most once)": ["Huey", "bus / Huey"],
    }


def test_a_plot_is_a_file_of_its_folder_whatever_its_workload_is_called(entry):
    named = replace(entry, result=replace(entry.result, workload="../../a b"))

    assert [plot.name for plot in plots(named)] == ["______a_b-1", "______a_b-2"]


def test_the_same_figures_make_the_same_file(entry):
    [plot, _] = plots(entry)

    first = drawn(plot, "svg")

    assert first == drawn(plot, "svg")
    assert b"bus &lt;1&gt;" in first
    assert drawn(plot, "png").startswith(b"\x89PNG")


def test_the_report_needs_nothing_but_itself(document):
    text = html(document)

    assert text.count("<svg") == 2
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    assert "<?xml" not in text


def test_the_report_says_what_the_figures_rest_on(document):
    text = html(document)

    for said in ("max_in_flight=400", "it takes a task off first", "missed", "a note", "quick"):
        assert said in text
    assert "calls ended badly: no server" in text
    assert "bus &lt;1&gt;" in text
    assert document.machine["platform"] in text


def test_the_command_writes_the_report_and_a_file_for_each_plot(document, tmp_path):
    (tmp_path / "run.json").write_text(document.to_json())
    options = ["-o", str(tmp_path / "report.html"), "--svg", str(tmp_path / "svg")]

    done = CliRunner().invoke(app, ["plot", str(tmp_path / "run.json"), *options])

    assert done.exit_code == 0, done.output
    assert (tmp_path / "report.html").read_text() == html(document)
    names = sorted(path.name for path in (tmp_path / "svg").iterdir())
    assert names == ["drain-1.svg", "drain-2.svg"]
    assert done.stdout.splitlines()[0] == str(tmp_path / "report.html")


def test_with_json_it_lists_what_it_has_written(document, tmp_path):
    (tmp_path / "run.json").write_text(document.to_json())
    report = str(tmp_path / "report.html")

    done = CliRunner().invoke(app, ["plot", str(tmp_path / "run.json"), "-o", report, "--json"])

    assert json.loads(done.stdout) == {"written": [report]}


def test_without_matplotlib_the_extra_is_named(entry, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it raises

    with pytest.raises(NoPlots, match=r"pip install actorbus\[bench\]"):
        drawn(next(plots(entry)), "svg")
