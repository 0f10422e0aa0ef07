"""`actorbus schedule`: what ticks when, and ticks by hand."""

import pytest

from tests.acceptance.command_line import CommandLine

APP = """
from datetime import timedelta
from actorbus import ActorBus, Tick

bus = ActorBus("clocks", store="sqlite:///clocks.db")


@bus.scheduled(cron="30 2 * * *", timezone="Europe/Berlin", name="nightly")
async def nightly(tick: Tick) -> None:
    print("nightly", tick.number, tick.by_hand, flush=True)


@bus.scheduled(every=timedelta(days=1), missed="all", name="daily")
def daily() -> None:
    print("daily", flush=True)
"""


@pytest.fixture
def actorbus(tmp_path):
    line = CommandLine.at(tmp_path)
    line.write("clocks.py", APP)
    return line


@pytest.fixture
def planned(actorbus):
    """A command line in a folder where a worker has run once."""
    done = actorbus("run", "clocks:bus", "--once")
    assert done.code == 0, done.err
    return actorbus


def schedule(actorbus, command, *arguments):
    return actorbus("schedule", command, "clocks:bus", *arguments)


def test_list_shows_when_each_ticks(planned):
    done = schedule(planned, "list")

    assert done.code == 0, done.err
    for text in ("nightly", "30 2 * * * (Europe/Berlin)", "every 86400 s", "active", "nobody"):
        assert text in done.out


def test_list_as_json_has_the_planned_times(planned):
    nightly, daily = schedule(planned, "list", "--json").json

    assert nightly["next_at"][10:19] == "T02:30:00"
    assert (nightly["zone"], nightly["missed"], nightly["last_at"]) == (
        "Europe/Berlin",
        "last",
        None,
    )
    assert (daily["name"], daily["missed"], daily["ticks"]) == ("daily", "all", 0)


def test_a_tick_by_hand_is_handled_by_the_next_worker(planned):
    sent = schedule(planned, "run", "nightly", "--json").json
    done = planned("run", "clocks:bus", "--once")

    assert done.out.splitlines()[0] == "nightly 1 True"
    assert sent["schedule"] == "nightly"
    assert sent["message_id"]


def test_pausing_resuming_and_deleting(planned):
    codes = [schedule(planned, command, "daily").code for command in ("pause", "pause")]
    paused = schedule(planned, "list", "--json").json[1]["status"]
    codes.append(schedule(planned, "resume", "daily").code)
    active = schedule(planned, "list", "--json").json[1]["status"]
    codes.append(schedule(planned, "delete", "daily").code)
    gone = schedule(planned, "list", "--json").json[1]["status"]

    assert codes == [0] * 4
    assert (paused, active, gone) == ("paused", "active", "not planned")


@pytest.mark.parametrize("command", ["run", "pause", "resume", "delete"])
def test_a_name_that_is_not_there_is_a_wrong_command_line(planned, command):
    done = schedule(planned, command, "nihgtly", "--json")

    assert done.code == 2
    assert "did you mean 'nightly'" in done.json["error"]["message"]


def test_without_a_store_it_says_so(actorbus):
    done = schedule(actorbus, "list")

    assert done.code == 5
    assert "no store yet" in done.err
