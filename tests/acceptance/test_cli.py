"""`actorbus` at work: run, list, tree, send, and the dead letters from failure to repair."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from tests.acceptance.command_line import ROOT, CommandLine

CONFIRM = "shop.send_confirmation"


@pytest.fixture
def actorbus(tmp_path):
    return CommandLine.at(tmp_path)


def confirmed(actorbus):
    with closing(sqlite3.connect(actorbus.folder / "shop.db")) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM confirmed")]


def endpoint(listing, name):
    return next(one for one in listing["endpoints"] if one["endpoint"] == name)


@contextmanager
def running(actorbus, *arguments, until, **environment):
    """A command in the background, once it has written `until` to one of its outputs."""
    process = actorbus.start("run", "shop:bus", *arguments, **environment)
    try:
        for line in process.stderr:
            if until in line:
                break
        yield process
    finally:
        process.kill()
        process.communicate()


# --------------------------------------------------------------------------------------- sending


def test_a_synchronous_command_answers_with_its_result(actorbus):
    done = actorbus("send", "shop:bus", "shop.PlaceOrder", "--body", '{"number": "A-1"}')

    assert done.code == 0, done.err
    assert "placed A-1" in done.out


def test_a_query_is_asked(actorbus):
    actorbus.place("A-1", "A-2")

    done = actorbus("send", "shop:bus", "shop.CountOrders", "--body", "{}", "--json")

    assert {"type": "shop.CountOrders", "sent": 1, "result": 2} == done.json


def test_each_line_of_stdin_is_a_message(actorbus):
    lines = '{"number": "A-1"}\n\n{"number": "A-2"}\n'

    done = actorbus("send", "shop:bus", "shop.OrderPlaced", "--json", stdin=lines)

    assert done.json["sent"] == 2
    assert endpoint(actorbus("list", "shop:bus", "--json").json, CONFIRM)["ready"] == 2


def test_a_file_that_is_sent_again_under_one_message_id_sends_nothing_twice(actorbus):
    lines = '{"number": "A-1"}\n{"number": "A-2"}\n'
    for _ in range(2):
        actorbus("send", "shop:bus", "shop.OrderPlaced", "--message-id", "monday", stdin=lines)

    assert endpoint(actorbus("list", "shop:bus", "--json").json, CONFIRM)["ready"] == 2


def test_lines_that_are_sent_with_an_ordering_key_wait_for_each_other(actorbus):
    lines = '{"number": "A-1"}\n{"number": "A-2"}\n{"number": "A-3"}\n'
    actorbus("send", "shop:bus", "shop.OrderPlaced", "--ordering-key", "A", stdin=lines)

    counts = endpoint(actorbus("list", "shop:bus", "--json").json, CONFIRM)

    assert (1, 2) == (counts["ready"], counts["held"])


def test_a_delayed_message_waits(actorbus):
    actorbus(
        *("send", "shop:bus", "shop.OrderPlaced", "--delay", "2h"),
        *("--body", '{"number": "A-1"}'),
    )

    counts = endpoint(actorbus("list", "shop:bus", "--json").json, CONFIRM)

    assert (0, 1) == (counts["ready"], counts["waiting"])


@pytest.mark.parametrize(
    ("type_name", "body", "why"),
    [
        ("shop.PlaceOrdr", "{}", "did you mean 'shop.PlaceOrder'"),
        ("shop.PlaceOrder", '{"number": 7}', "number"),
        ("shop.PlaceOrder", "{}", "number"),
        ("shop.Import", '{"rows": 1}', "header 'tenant'"),
    ],
)
def test_a_message_that_the_gateway_refuses_ends_with_6_and_the_reason(
    actorbus, type_name, body, why
):
    done = actorbus("send", "shop:bus", type_name, "--body", body)

    assert done.code == 6, done.err
    assert why in done.err
    assert "Traceback" not in done.err


def test_a_line_that_is_no_json_is_named(actorbus):
    done = actorbus("send", "shop:bus", "shop.OrderPlaced", stdin='{"number": "A"}\n{oops\n')

    assert done.code == 2
    assert "line 2 is not JSON" in done.err


# --------------------------------------------------------------------------------------- running


def test_run_once_handles_what_is_there_and_ends(actorbus):
    actorbus.place("A-1", "A-2")

    done = actorbus("run", "shop:bus", "--once", "--json")

    assert done.code == 0, done.err
    assert ("idle", 2, []) == tuple(done.json[key] for key in ("ending", "handled", "unfinished"))
    assert ["A-1", "A-2"] == sorted(confirmed(actorbus))


def test_run_consumes_the_named_channels_only(actorbus):
    actorbus.place("A-1")

    done = actorbus("run", "shop:bus", "slow", "imports", "--once", "--json")

    assert done.json["handled"] == 0
    assert endpoint(actorbus("list", "shop:bus", "--json").json, CONFIRM)["ready"] == 1


def test_run_for_a_while_ends_in_order(actorbus):
    done = actorbus("run", "shop:bus", "--for", "200ms", "--json")

    assert (0, "duration") == (done.code, done.json["ending"])


def test_run_with_a_limit_stops_taking_messages(actorbus):
    actorbus.place(*(f"A-{number}" for number in range(300)))

    done = actorbus("run", "shop:bus", "--limit", "5", "--json")

    assert "limit" == done.json["ending"]
    assert done.json["handled"] >= 5


def test_run_beyond_its_memory_limit_ends_in_order(actorbus):
    done = actorbus("run", "shop:bus", "--memory-limit", "1MB", "--json")

    assert (0, "memory") == (done.code, done.json["ending"])


def test_run_with_stop_on_failure_ends_with_7(actorbus):
    actorbus.place("bad-1")

    done = actorbus("run", "shop:bus", "--stop-on-failure", "--json")

    assert (7, "failure") == (done.code, done.json["ending"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_run_in_order(actorbus, number):
    with running(actorbus, until="consuming") as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)

    assert 0 == process.returncode
    assert "stopped: a signal asked for it" in out


def test_what_a_signal_found_begun_is_finished(actorbus):
    actorbus("send", "shop:bus", "shop.Dawdle", "--body", '{"seconds": 0.5}')
    process = actorbus.start("run", "shop:bus", "--json")
    assert "dawdling\n" == process.stdout.readline()

    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)

    report = json.loads(out)
    assert (1, []) == (report["handled"], report["unfinished"])


def test_what_could_not_be_finished_is_named_and_ready_for_others(actorbus):
    actorbus("send", "shop:bus", "shop.Dawdle", "--body", '{"seconds": 600}')
    process = actorbus.start("run", "shop:bus", "slow", "--json")
    assert "dawdling\n" == process.stdout.readline()

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)

    report = json.loads(out)
    assert ["shop.dawdle"] == [one["endpoint"] for one in report["unfinished"]], err
    assert endpoint(actorbus("list", "shop:bus", "--json").json, "shop.dawdle")["ready"] == 1


def test_a_second_signal_ends_at_once(actorbus):
    actorbus("send", "shop:bus", "shop.Dawdle", "--body", '{"seconds": 600}')
    process = actorbus.start("run", "shop:bus", "slow")
    assert "dawdling\n" == process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    for line in process.stderr:
        if "stopping" in line:
            break

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)

    assert 128 + signal.SIGTERM == process.returncode
    assert "ending at once" in err


# ----------------------------------------------------------------------------------- looking into


def test_list_shows_channels_endpoints_and_counts(actorbus):
    actorbus.place("A-1")

    done = actorbus("list", "shop:bus")

    assert done.code == 0, done.err
    for word in ("notifications", "imports", "dynamic", CONFIRM, "shop.OrderPlaced"):
        assert word in done.out
    for word in ("gateways", "OutboxEventBus", "slow", "priority=2"):
        assert word in done.out


def test_tree_shows_the_actors_of_the_process_that_runs(actorbus):
    with running(actorbus, until="consuming") as process:
        done = actorbus("tree", "shop:bus")
        for _ in range(20):  # it shows what the process wrote last, a second ago at most
            if "imports" in done.out:
                break
            done = actorbus("tree", "shop:bus")

    assert done.code == 0, done.err
    assert f"process {process.pid}" in done.out
    for actor in ("notifications", "send_confirmation", "imports", "store"):
        assert actor in done.out


@pytest.mark.parametrize("command", ["tree", "deadletter list", "deadletter replay --all --yes"])
def test_what_only_looks_makes_no_store(actorbus, command):
    """It would hide a mistyped path."""
    done = actorbus(*command.split(), "shop:bus")

    assert (done.code, list(actorbus.folder.glob("*.db"))) == (5, [])
    assert f"no store yet: <SqliteStore {actorbus.folder / 'shop.db'}>" in done.err


def test_list_shows_what_is_declared_where_there_is_no_store_yet(actorbus):
    done = actorbus("list", "shop:bus")

    assert (done.code, list(actorbus.folder.glob("*.db"))) == (0, [])
    assert CONFIRM in done.out
    assert "no store yet" in done.err


def test_send_says_that_it_makes_a_new_store(actorbus):
    """It is stored where nobody may ever look, if the path was mistyped."""
    first, second = (
        actorbus("send", "shop:bus", "shop.OrderPlaced", "--body", '{"number": "A-1"}')
        for _ in range(2)
    )

    assert f"making a new store: <SqliteStore {actorbus.folder / 'shop.db'}>" in first.err
    assert (first.code, second.code, "store" in second.err) == (0, 0, False)


def test_list_shows_what_is_parked_and_why(actorbus):
    """A handler was renamed without an alias, and a worker has found its messages."""
    actorbus.place("A-1")
    with closing(sqlite3.connect(actorbus.folder / "shop.db")) as store, store:
        store.execute("UPDATE actorbus_messages SET endpoint = 'shop.confirm_by_mail'")
    with running(actorbus, until="are parked"):
        pass

    document = actorbus("list", "shop:bus", "--json").json
    shown = actorbus("list", "shop:bus").out

    (parked,) = document["parked"]
    assert (parked["endpoint"], parked["count"]) == ("shop.confirm_by_mail", 1)
    assert parked["reason"] == "no running process has this endpoint"
    assert parked["reason"] in shown


def test_list_shows_messages_that_nobody_takes_with_the_reason(actorbus):
    actorbus.place("A-1")

    (alone,) = actorbus("list", "shop:bus", "--json").json["stranded"]
    with running(actorbus, "slow", until="consuming"):
        found = []
        for _ in range(20):  # nothing is known until the process has said what it consumes
            found = actorbus("list", "shop:bus", "--json").json["stranded"]
            if found:
                break
        shown = actorbus("list", "shop:bus").out
    (beside,) = found

    assert (alone["endpoint"], alone["ready"]) == (CONFIRM, 1)
    assert alone["reason"] == "no process is running"
    assert beside["reason"] == "no running process consumes the channel 'notifications'"
    assert beside["reason"] in shown


def test_tree_says_so_when_nothing_runs(actorbus):
    actorbus.place("A-1")
    assert "no process of this bus is running" in actorbus("tree", "shop:bus").out


# ----------------------------------------------------------------------------------- dead letters


@pytest.fixture
def failed(actorbus):
    """A bus with two dead letters: one refused for good, one whose attempts are used up."""
    actorbus.place("bad-1", "flaky-1", "A-1")
    for _ in range(100):
        actorbus("run", "shop:bus", "--once")
        if actorbus("deadletter", "list", "shop:bus", "--json").json["total"] == 2:
            return actorbus
    raise AssertionError("the two messages did not become dead letters")


def letters(actorbus, *filters):
    return actorbus("deadletter", "list", "shop:bus", "--json", *filters).json["dead_letters"]


def test_dead_letters_are_found_by_each_filter(failed):
    everything = letters(failed)
    exhausted = letters(failed, "--reason", "attempts exhausted")

    assert ["permanent error", "attempts exhausted"] == [one["reason"] for one in everything]
    assert [2] == [one["attempts"] for one in exhausted]
    assert 2 == len(letters(failed, "--endpoint", CONFIRM, "--type", "shop.OrderPlaced"))
    assert [] == letters(failed, "--endpoint", "shop.dawdle")
    assert [] == letters(failed, "--header", "tenant=acme")


def test_a_dead_letter_shows_body_error_and_every_attempt(failed):
    [letter] = letters(failed, "--reason", "attempts exhausted")

    done = failed("deadletter", "show", "shop:bus", letter["copy_id"], "--json")

    assert {"number": "flaky-1"} == done.json["body"]
    assert "the mailer refuses" == done.json["exception_message"]
    assert [1, 2] == [failure["attempt"] for failure in done.json["failures"]]
    assert "send_confirmation" in done.json["failures"][0]["traceback"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(failed):
    in_words = failed("deadletter", "replay", "shop:bus", "--all", "--dry-run")
    as_json = failed(
        "deadletter", "delete", "shop:bus", "--reason", "permanent error", "--dry-run", "--json"
    )

    assert (0, True) == (in_words.code, "would replay 2" in in_words.out)
    assert {"count": 1, "untaken": {}} == {
        name: as_json.json[name] for name in ("count", "untaken")
    }
    [group] = as_json.json["groups"]
    assert (CONFIRM, "permanent error", 1) == (group["endpoint"], group["reason"], group["count"])
    assert 2 == len(letters(failed))


def test_a_list_shows_neither_bodies_nor_attempts(failed):
    assert {True} == {one["body_bytes"] > 0 and "body" not in one for one in letters(failed)}


def test_a_replay_after_the_repair_goes_to_the_endpoint_that_failed(failed):
    [letter] = letters(failed, "--reason", "attempts exhausted")

    done = failed("deadletter", "replay", "shop:bus", letter["copy_id"], "--json")
    failed("run", "shop:bus", "--once", REPAIRED="1")

    assert {"replayed": 1, "untaken": {}} == done.json
    assert ["A-1", "flaky-1"] == sorted(confirmed(failed))


def test_a_body_that_the_endpoint_cannot_take_is_refused_unless_it_is_forced(failed):
    [letter] = letters(failed, "--reason", "permanent error")
    edit = ("deadletter", "edit", "shop:bus", letter["copy_id"], "--body", '{"number": 7}')

    refused, forced = failed(*edit), failed(*edit, "--force", "--json")

    assert 6 == refused.code
    assert "number" in refused.err
    assert "`str`" in refused.err
    assert (0, {"number": 7}) == (forced.code, forced.json["body"])


def test_a_replay_says_which_endpoints_nobody_has(failed):
    app = (failed.folder / "shop.py").read_text(encoding="utf-8")
    failed.write("shop.py", app.replace("send_confirmation", "send_another"))

    as_json = failed("deadletter", "replay", "shop:bus", letters(failed)[0]["copy_id"], "--json")
    in_words = failed("deadletter", "replay", "shop:bus", "--all", "--yes")

    assert {"replayed": 1, "untaken": {CONFIRM: 1}} == as_json.json
    assert f"1 of them wait: no process has the endpoint {CONFIRM}" in in_words.err


def test_a_body_is_mended_and_replayed(failed):
    [letter] = letters(failed, "--reason", "permanent error")
    body = ("--body", '{"number": "good-1"}')

    edited = failed("deadletter", "edit", "shop:bus", letter["copy_id"], *body, "--json")
    failed("deadletter", "replay", "shop:bus", "--reason", "permanent error", "--yes")
    failed("run", "shop:bus", "--once")

    assert {"number": "good-1"} == edited.json["body"]
    assert ["A-1", "good-1"] == sorted(confirmed(failed))


def test_what_is_not_named_is_not_touched_unasked(failed):
    done = failed("deadletter", "delete", "shop:bus", "--all")

    assert done.code == 2
    assert "delete 2 dead letters? add --yes" in done.err
    assert 2 == len(letters(failed))


def test_all_are_deleted_on_demand(failed):
    done = failed("deadletter", "delete", "shop:bus", "--all", "--yes", "--json")

    assert {"deleted": 2} == done.json
    assert [] == letters(failed)


def test_an_id_that_is_no_dead_letter_is_an_error(failed):
    for verb in ("show", "replay", "delete"):
        done = failed("deadletter", verb, "shop:bus", "no-such-id")
        assert done.code == 1, done.err
        assert "Traceback" not in done.err


LATER = """
from dataclasses import dataclass

from actorbus import ActorBus, EventBus

bus = ActorBus("later", store="sqlite:///later.db")
bus.add_channel("outbox")


class OutboxEventBus(EventBus, channel="outbox"): ...


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@bus.event_handler
async def bill(event: OrderPlaced) -> None: ...


async def main() -> None:
    outbox = bus.gateway(OutboxEventBus)
    async with bus.running(consume="none"):
        await outbox.publish(OrderPlaced(1))
"""


def test_list_counts_what_a_gateway_has_brought_to_a_channel_for_a_handler_without_one(actorbus):
    actorbus.write("later.py", LATER)
    before = actorbus("list", "later:bus").out
    subprocess.run(
        [sys.executable, "-c", "import trio, later; trio.run(later.main)"],
        cwd=actorbus.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )

    after = actorbus("list", "later:bus").out

    assert re.search(r"later\.bill .*\(synchronous\) +│ +│", before)
    assert re.search(r"later\.bill .*\(synchronous\), outbox +│ +1 │", after)
