"""`actorbus` and workers: limits, pause and resume, health and doctor."""

import pytest

from tests.acceptance.command_line import CommandLine
from tests.acceptance.test_cli import running


@pytest.fixture
def actorbus(tmp_path):
    return CommandLine.at(tmp_path)


@pytest.mark.parametrize("most", [1, 7])
def test_a_limit_of_messages_is_exact(actorbus, most):
    actorbus.place(*(f"A-{number}" for number in range(20)))

    done = actorbus("run", "shop:bus", "--limit", str(most), "--json")

    assert (0, "limit", most) == (done.code, done.json["ending"], done.json["handled"])
    assert done.json["reason"] == "its number of messages is reached"
    [left] = [
        one for one in actorbus("list", "shop:bus", "--json").json["endpoints"] if one["ready"]
    ]
    assert left["ready"] == 20 - most


def test_channels_are_run_by_priority(actorbus):
    """Each waits while those that are named before it have messages."""
    actorbus.place("A-1", "A-2")

    done = actorbus("run", "shop:bus", "slow", "notifications", "--by-priority", "--once", "--json")

    assert (0, 2) == (done.code, done.json["handled"])


def test_a_number_of_failures_ends_a_run_with_7(actorbus):
    actorbus.place("bad-1", "bad-2", "bad-3")

    done = actorbus("run", "shop:bus", "--failure-limit", "2", "--json")

    assert (7, "failure") == (done.code, done.json["ending"])


def test_an_application_that_leaves_is_told_from_the_commands_own_codes(actorbus):
    """Its code 3 would mean that APP cannot be imported."""
    actorbus.write(
        "leaving.py",
        "import sys\nfrom shop import bus\n"
        "def leave() -> int:\n    sys.exit(3)\n"
        "bus.provide(int, leave)\n",
    )

    done = actorbus("run", "leaving:bus", "--once")

    assert done.code == 1
    assert "the application called sys.exit(3)" in done.err


def test_a_paused_channel_waits_until_it_is_resumed(actorbus):
    actorbus.place("A-1")

    paused = actorbus(
        "pause", "shop:bus", "notifications", "--for", "10m", "--reason", "the mailer moves"
    )
    idle = actorbus("run", "shop:bus", "--once", "--json")
    listed = actorbus("list", "shop:bus")
    resumed = actorbus("resume", "shop:bus", "notifications")
    again = actorbus("resume", "shop:bus", "notifications")
    done = actorbus("run", "shop:bus", "--once", "--json")

    assert (0, "notifications paused for 10m 0s: the mailer moves\n") == (paused.code, paused.out)
    assert idle.json["handled"] == 0
    assert "the mailer moves" in listed.out
    assert (0, "notifications goes on\n") == (resumed.code, resumed.out)
    assert (1, "error: notifications is not paused\n") == (again.code, again.err)
    assert done.json["handled"] == 1


def test_an_endpoint_is_paused_alone(actorbus):
    actorbus.place("A-1")
    where = ("shop:bus", "notifications", "--endpoint", "shop.send_confirmation", "--json")

    paused = actorbus("pause", *where)
    resumed = actorbus("resume", *where)

    assert paused.json["endpoint"] == "shop.send_confirmation"
    assert paused.json["until"] is None
    assert resumed.json == {
        "resumed": {"channel": "notifications", "endpoint": "shop.send_confirmation"}
    }


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["notificatons"], 2, "no channel 'notificatons'"),
        (["notifications", "--endpoint", "nobody"], 4, "no endpoint 'nobody'"),
        (["notifications", "--for", "0s"], 4, "for_=0.0 is not allowed"),
    ],
)
def test_a_pause_of_what_is_not_there_is_refused(actorbus, arguments, code, why):
    actorbus.place("A-1")

    done = actorbus("pause", "shop:bus", *arguments)

    assert done.code == code
    assert why in done.err


def test_a_running_worker_heeds_a_pause_and_shows_it(actorbus):
    actorbus("send", "shop:bus", "shop.CountOrders", "--body", "{}")
    with running(actorbus, until="consuming"):
        actorbus("pause", "shop:bus", "notifications", "--reason", "deploying")
        tree = actorbus("tree", "shop:bus")
        for _ in range(20):  # it shows what the process wrote last, 2 seconds ago at most
            if "deploying" in tree.out:
                break
            tree = actorbus("tree", "shop:bus")
        actorbus.place("A-1")
        listed = actorbus("list", "shop:bus", "--json").json

    [row] = [one for one in listed["endpoints"] if one["endpoint"] == "shop.send_confirmation"]
    assert "paused: deploying" in tree.out
    assert row["ready"] == 1
    assert [one["reason"] for one in listed["pauses"]] == ["deploying"]


def test_health_is_0_while_a_worker_lives(actorbus):
    actorbus.place("A-1")
    before = actorbus("health", "shop:bus")
    with running(actorbus, until="consuming") as process:
        living = actorbus("health", "shop:bus", "--pid", str(process.pid), "--json")
        other = actorbus("health", "shop:bus", "--pid", "1")

    assert (1, "no process of this bus is running here\n") == (before.code, before.out)
    assert (0, True) == (living.code, living.json["lives"])
    assert [process.pid] == [one["pid"] for one in living.json["processes"]]
    assert other.code == 1


def test_doctor_finds_nothing_wrong_with_a_bus_that_runs(actorbus):
    actorbus.place("A-1")
    with running(actorbus, until="consuming"):
        done = actorbus("doctor", "shop:bus", "--json")

    checks = {finding["check"] for finding in done.json["findings"]}
    assert done.code == 0
    assert {"configuration", "drivers", "store", "disk", "clocks", "processes"} <= checks
    assert not [one for one in done.json["findings"] if one["status"] == "wrong"]


def test_doctor_warns_of_what_waits_and_what_is_paused(actorbus):
    actorbus.place("A-1")
    actorbus("pause", "shop:bus", "notifications", "--reason", "deploying")

    done, strict = actorbus("doctor", "shop:bus"), actorbus("doctor", "shop:bus", "--strict")

    assert (0, 1) == (done.code, strict.code)
    assert (
        "1 messages of shop.send_confirmation on notifications: no process is running" in done.out
    )
    assert "notifications is paused: deploying" in done.out


def test_doctor_lists_what_is_declared_wrongly(actorbus):
    actorbus.write("wrong.py", "from shop import bus\nbus.add_channel('slow')\n")

    done = actorbus("doctor", "wrong:bus")

    assert done.code == 1
    assert "configuration: " in done.out
    assert "slow" in done.out


def test_doctor_says_why_a_store_cannot_be_used(actorbus):
    (actorbus.folder / "shop.db").write_text("no database", encoding="utf-8")

    done = actorbus("doctor", "shop:bus")

    assert done.code == 1
    assert "store: NotAStore" in done.out
