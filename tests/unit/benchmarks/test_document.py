"""The document that a run leaves is read back as it was written."""

import json
from dataclasses import replace

import pytest

from benchmarks._document import Unreadable, new, read
from benchmarks._measure import Goal, Result, Series
from benchmarks._runner import run
from benchmarks._settings import Settings
from benchmarks._suites import WORKLOADS


def document():
    result = Result(
        "drain", [Series("actorbus", "/s", (1.0, 2.0))], [Goal("rate", 1.0, "at least", 2.0)], ["n"]
    )
    workload = replace(WORKLOADS["drain"], run=lambda settings: result)
    return run([workload], Settings(repeat=2, quick=True))


def test_what_is_written_is_read_back(tmp_path):
    file = tmp_path / "run.json"
    file.write_text(document().to_json())

    found = read(file)

    assert found.to_json() == file.read_text()
    assert found.entries[0].result.series[0].values == (1.0, 2.0)
    assert found.settings.quick


def test_a_document_tells_the_machine_and_the_versions():
    found = new(Settings(), [], {})

    assert {"platform", "processor", "cores", "memory"} <= set(found.machine)
    assert {"python", "sqlite", "trio", "peer huey"} <= set(found.versions)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[]", "not a document"),
        (json.dumps({"format": "other"}), "not a document"),
        (json.dumps({"format": "actorbus-benchmarks", "version": 1}), "results"),
        (json.dumps({"format": "actorbus-benchmarks", "version": 2, "results": []}), "version"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_another_file_is_refused_by_name(text, said, tmp_path):
    file = tmp_path / "run.json"
    file.write_text(text)

    with pytest.raises(Unreadable, match=rf"run\.json: .*{said}"):
        read(file)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_values_that_are_no_figures_are_refused(values, tmp_path):
    """They would end as `NaN` in what `compare --json` prints, which is no JSON."""
    file = tmp_path / "run.json"
    written = json.loads(document().to_json())
    written["results"][0]["series"][0]["values"] = values
    file.write_text(json.dumps(written))

    with pytest.raises(Unreadable, match="drain: actorbus: values=.* are no figures"):
        read(file)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(Unreadable, match=r"run\.json"):
        read(tmp_path / "run.json")
