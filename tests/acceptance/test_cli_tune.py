"""`actorbus tune`, from the command line to what it prints."""

import json
import re
import shlex
import signal
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from actorbus import Backoff, Retry, Supervision
from actorbus.cli._app import app
from actorbus.tuning._code import command
from actorbus.tuning._trace_file import first_line
from tests.acceptance.command_line import CommandLine

SMALL = (
    *("--runs", "24", "--quick", "--for", "40s", "--outage", "5s", "--every", "15s"),
    *("--arrivals", "2", "--keep", "retry_factor", "--keep", "retry_maximum"),
)


def tune(*arguments):
    return CliRunner().invoke(app, ["tune", *map(str, arguments)])


@pytest.fixture
def actorbus(tmp_path):
    return CommandLine.at(tmp_path)


def endpoint_settings():
    curve = {"initial": 0.1, "factor": 2.0, "maximum": 30.0, "jitter": 0.2}
    return {
        "channel": "mails",
        "concurrency": 2,
        "max_in_flight": 20,
        "retry": {**curve, "attempts": 3},
        "backoff": {**curve, "reset_after": 10.0, "first_immediate": True},
        "breaker": None,
    }


@pytest.fixture
def trace(tmp_path):
    """A message a second; from 5 s to 25 s what the handler calls is away, and is tried then."""
    events = []
    for number in range(1, 60):
        outcome = "outage" if number in {5, 6, 8, 12, 18} else "done"
        events.append([float(number), "arrived", 0, number, 1, 0.0])
        if outcome == "outage" or not 5 <= number <= 25:
            events.append([number + 0.01, outcome, 0, number, 1, 0.01])
    path = tmp_path / "trace.jsonl"
    lines = [json.dumps(event) for event in events]
    head = first_line("shop", 0.0, {"shop.mail": endpoint_settings()}).decode()
    path.write_text(head + "\n".join(lines) + "\n")
    return path


def test_a_trace_is_replayed_against_other_settings(trace):
    done = tune("--trace", trace, "--runs", 30, "--quick", "--json")

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["endpoint"] == "shop.mail"
    assert found["today"]["settings"]["retry_attempts"] == 3
    assert found["today"]["costs"]["load"] > 0
    assert found["recommended"]["costs"]["recovery"] < found["today"]["costs"]["recovery"]
    assert found["command"].startswith("actorbus supervision set APP shop.mail --")


def test_a_person_is_shown_the_front_the_reasons_the_code_and_the_command(trace):
    text = tune("--trace", trace, "--runs", 30, "--quick").stdout

    assert "to repeat it, add --runs 30 --seed 0" in text
    assert f"simulated: {trace}, " in text
    assert re.search(r"today +│", text)
    assert re.search(r"recommended +│", text)
    assert "* The longest wait between two probes is" in text
    assert "    backoff = Backoff(" in text
    assert "    actorbus supervision set APP shop.mail --" in text


def test_a_search_that_its_budget_cut_short_says_how_to_finish_it():
    text = tune("--quick", "--budget", "20ms").stdout

    assert "its budget was used up" in text
    assert "to repeat it, and finish it, add --runs" in text


def test_figures_of_a_single_run_have_no_interval():
    text = tune(*SMALL, "--runs", "1", "--budget", "1ms").stdout

    assert "(one run)" in text
    assert "±" not in text


def test_the_command_that_is_printed_is_one_that_there_is():
    """Every knob that can change is an option of `supervision set`."""
    changed = Supervision(
        backoff=Backoff(1.0, 3.0, 9.0, 0.5, reset_after=5.0, first_immediate=False),
        retry=Retry(9, 1.0, 3.0, 9.0, 0.5),
        max_restarts=7,
        within=9.0,
        breaker=3,
    )
    far = Supervision(
        backoff=Backoff(1e-05, maximum=1234567.5), retry=Retry(1_234_567), breaker=2_000_000
    )
    group: Any = typer.main.get_command(app)
    read: dict[str, Any] = {}
    for settings, before in (
        (changed, Supervision()),
        (Supervision(), changed),
        (far, Supervision()),
    ):
        words = shlex.split(command(settings, before, "shop:bus", "mail"))[3:]
        read = group.commands["supervision"].commands["set"].make_context("set", words).params
    assert (read["backoff_initial"], read["backoff_maximum"]) == (1e-05, 1234567.5)
    assert (read["retry_attempts"], read["breaker"]) == (1_234_567, 2_000_000)


def test_a_model_on_the_command_line_needs_neither_trace_nor_application():
    done = tune(*SMALL, "--arrivals", 5, "--service", "20ms", "--poison", 0.2, "--json")

    found = json.loads(done.stdout)
    assert found["endpoint"] == "endpoint"
    assert found["simulated"].startswith("5 messages a second, 0.02 s each, the dependency away")
    assert "0.2 of messages fail always" in found["simulated"]
    assert found["today"]["costs"]["loss"] > 10
    assert (found["searched"], found["ended"]) == (24, "runs")


def test_the_same_command_gives_the_same_result():
    def found(*more):
        document = json.loads(tune(*SMALL, "--json", *more).stdout)
        return {name: value for name, value in document.items() if name != "seconds"}

    assert found() == found()
    assert found() != found("--seed", 1)


def test_the_application_says_what_the_settings_of_today_are(actorbus):
    done = actorbus("tune", "shop:bus", "--endpoint", "shop.send_confirmation", *SMALL, "--json")

    assert done.code == 0, done.err
    assert done.json["endpoint"] == "shop.send_confirmation"
    assert done.json["today"]["changed"] == []
    assert "actorbus supervision set shop:bus shop.send_confirmation" in done.json["command"]


def test_the_objective_and_what_is_kept_are_heeded():
    found = json.loads(
        tune(*SMALL, "--json", "--objective", "load", "--keep", "backoff_jitter").stdout
    )

    assert found["objective"] == {"load": 1.0}
    assert "backoff_jitter" not in [one["knob"] for one in found["explained"]]
    assert found["recommended"]["costs"]["load"] <= found["today"]["costs"]["load"]


def test_plots_are_drawn_where_they_are_asked_for(tmp_path):
    found = json.loads(tune(*SMALL, "--json", "--plots", tmp_path / "plots").stdout)

    assert [path.rpartition("/")[2] for path in found["plots"]] == sorted(
        (path.name for path in (tmp_path / "plots").iterdir()),
        key=lambda name: ("front" not in name, "png" in name),
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--objective", "speed"], "no objective 'speed'"),
        (["--keep", "brake"], "keep='brake' is no knob"),
        (["--sampler", "luck"], "sampler='luck' is not allowed"),
        (["--arrivals", "0"], "rate=0.0 is not allowed"),
        (["--failures", "2"], "rate=2.0 is not allowed"),
        (["--runs", "0"], "runs=0 is not allowed"),
        (["--budget", "0"], "budget=0.0 is not allowed"),
        (["--for", "0"], "until=0.0 is not allowed"),
        (["--workers", "100000"], "workers=100000 is not allowed: give at most 61"),
        (["--arrivals", "1e6"], "a run would have about 5.4e+08 messages"),
        (["--arrivals", "1e308"], "a run would have about inf messages"),
        (["--endpoint", "mail"], "--endpoint needs an APP, or a --trace"),
        (["--trace", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["--trace", "x", "--arrivals", "3", "--for", "1m"], "--arrivals, --for"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said_with_code_2(arguments, words):
    done = tune(*arguments)

    assert (done.exit_code, words in " ".join(done.stderr.split())) == (2, True), done.stderr


def test_a_file_that_is_no_trace_is_named_with_its_line(tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    done = tune("--trace", tmp_path / "notes.txt")

    assert done.exit_code == 1
    assert "notes.txt, line 1: this is no trace of actorbus" in done.stderr.replace("\n", "")


def test_ctrl_c_keeps_what_there_is_and_ends_with_code_130(actorbus):
    process = actorbus.start("tune", "--budget", "100s", "--json", "--outage", "5s", "--quick")
    line = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert "searching" in line
    assert process.returncode == 130, err
    found = json.loads(out)
    assert found["ended"] == "interrupted"
    assert found["runs"] >= 1
    assert found["seconds"] < 90
