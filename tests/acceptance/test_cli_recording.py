"""`actorbus record` and `actorbus run --record`: a run as always, and a trace file."""

import pytest

from actorbus.tuning import read_recording
from tests.acceptance.command_line import CommandLine


@pytest.fixture
def actorbus(tmp_path):
    return CommandLine.at(tmp_path)


def test_record_consumes_and_writes_what_happened(actorbus, tmp_path):
    """It says how many events there are, and does not overwrite a trace that is there."""
    actorbus.place("A-1", "bad-2")
    file = tmp_path / "trace.jsonl"

    done = actorbus("record", "shop:bus", "--output", str(file), "--once", "--json")
    again = actorbus("record", "shop:bus", "--output", str(file), "--once")

    recording = read_recording(file)
    assert (0, "idle") == (done.code, done.json["ending"])
    assert done.json["recording"] == {
        "file": str(file),
        "ending": "stopped",
        "events": len(recording.events),
        "dropped": 0,
        "bytes": file.stat().st_size,
        "error": None,
    }
    assert {"done", "permanent"} <= {event.kind for event in recording.events}
    assert (2, "is there already") == (again.code, again.err[again.err.index("is there") :][:16])


def test_run_records_beside_its_work(actorbus, tmp_path):
    actorbus.place("A-1")
    file = tmp_path / "trace.jsonl"

    done = actorbus("run", "shop:bus", "--record", str(file), "--limit", "1", "--json")
    nowhere = actorbus("run", "shop:bus", "--record", str(tmp_path / "no" / "trace.jsonl"))

    assert done.code == 0, done.err
    assert [event.kind for event in read_recording(file).events].count("done") == 1
    assert (done.json["handled"], done.json["recording"]["file"]) == (1, str(file))
    assert nowhere.code == 2
    assert "cannot be made: No such file or directory" in nowhere.err
