"""The flights application from the file to the account: in this process, and as its command."""

import gzip
import json
import subprocess
import sys
from itertools import islice

import pytest

from examples.flights import truth
from examples.flights.__main__ import Options, work_through
from examples.flights.data import MONTH
from examples.flights.watch import Watch
from tests.services.fixtures import new_topic


@pytest.fixture
def month_slice(tmp_path):
    """The header and every 20th row of the month."""
    path = tmp_path / "slice.csv"
    with gzip.open(MONTH, "rt") as month:
        header = next(month)
        path.write_text(header + "".join(islice(month, 0, None, 20)))
    return path


@pytest.fixture
def watch():
    return Watch()


def options(path, tmp_path, workers=1, **others):
    store = f"sqlite:///{tmp_path}/flights.db"
    return Options(path, store, as_json=True, workers=workers, **others)


async def test_every_message_of_a_slice_is_where_it_must_be(month_slice, tmp_path, watch):
    """Late flights of the refused carrier are replayed; cancelled ones stay among the dead."""
    month = truth.count(month_slice)
    account = await work_through(options(month_slice, tmp_path), month, watch)

    assert list(account.differences(month)) == []
    assert account.unfinished == 0
    assert account.replayed == month.late[month.troubled_carrier()] > 0
    assert account.dead_letters == {"permanent error": month.cancelled.total()}
    assert account.restarts > 0


async def test_a_gateway_that_is_away_as_a_whole_costs_time_and_nothing_else(
    month_slice, tmp_path, watch
):
    month = truth.count(month_slice)
    asked = options(month_slice, tmp_path, gateway_outage=1.0)
    account = await work_through(asked, month, watch)

    assert list(account.differences(month)) == []
    assert account.seconds >= 1.0
    assert watch.outages.total() > 0


async def test_only_the_refused_carrier_is_retried_and_only_lines_that_were_down_restart(
    month_slice, tmp_path, watch
):
    """Outages burn no attempts, refusals no restarts, and all of it stays where it happened."""
    month = truth.count(month_slice)
    await work_through(options(month_slice, tmp_path), month, watch)
    refused = ("notifications", month.troubled_carrier())

    assert set(watch.retries) == {refused}
    assert set(watch.restarts) == set(watch.outages)
    assert {channel for channel, _ in watch.outages} == {"notifications"}
    assert {channel for channel, _ in watch.deaths} == {"departures", "notifications"}
    assert watch.resting == set()


async def test_the_same_file_sent_again_to_the_same_store_changes_nothing(
    month_slice, tmp_path, watch
):
    """The ids derive from the rows: the gateway knows all of them already."""
    month = truth.count(month_slice)
    first = await work_through(options(month_slice, tmp_path), month, watch)
    second = await work_through(options(month_slice, tmp_path), month, watch)

    assert list(second.differences(month)) == []
    assert second.carriers == first.carriers
    assert second.replayed == 0


# --------------------------------------------------------------------------------- the command


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "examples.flights", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.mark.slow
def test_the_month_ends_with_the_promised_numbers(tmp_path):
    """The numbers are written out here: they are what the issue and the source promise."""
    result = run("--json", "--store", f"sqlite:///{tmp_path}/flights.db")
    account = json.loads(result.stdout.splitlines()[-1])
    carriers = account["per_carrier"]

    assert result.returncode == 0, result.stderr
    assert (account["rows"], account["departed"], account["cancelled"]) == (27_004, 26_483, 521)
    assert account["late"] == account["notified"] == account["statistics"] == 4_918
    assert account["dead_letters"] == {"permanent error": 521}
    assert len(carriers) == 16
    assert (carriers["UA"]["rows"], carriers["HA"]["rows"], carriers["OO"]["rows"]) == (
        4_637,
        31,
        1,
    )
    assert account["replayed"] == 165
    assert account["restarts"] > 0


def test_two_workers_share_a_store(month_slice):
    result = run("--json", "--workers", 2, "--data", month_slice)

    assert result.returncode == 0, result.stderr


def test_three_workers_share_the_work_on_postgresql(month_slice, postgres):
    """The same account; `make demo STORE=postgres` does this with the whole month."""
    result = run("--json", "--workers", 3, "--data", month_slice, "--store", postgres)

    assert result.returncode == 0, result.stderr


def test_three_workers_share_the_work_on_postgresql_and_kafka(month_slice, postgres, kafka_server):
    """The same account; `make demo STORE=postgres BROKER=kafka` does this with the whole month."""
    servers = ("--store", postgres, "--broker", kafka_server.servers, "--topics", new_topic())
    result = run("--json", "--workers", 3, "--data", month_slice, *servers)

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["replayed"] > 0


def test_without_json_the_account_is_a_table_for_people(month_slice):
    result = run("--data", month_slice)

    assert result.returncode == 0, result.stderr
    assert "251/251" in result.stdout
    assert "dead letters replayed" in result.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        ("", "empty file"),
        ("year,month\n2013,1\n", "line 1: no column day, carrier"),
    ],
)
def test_a_bad_file_is_a_clear_error(tmp_path, content, said):
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_text(content)
    result = run("--json", "--data", path)

    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {path}")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--workers", "0"), "'0' is not a number of at least 1"),
        (("--store", "nonsense"), "nonsense"),
        (("--store", "sqlite:////no/such/folder/flights.db"), "/no/such/folder"),
    ],
)
def test_a_bad_option_is_a_clear_error(option, said):
    result = run("--json", *option)

    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_an_account_that_is_not_the_truth_ends_with_an_error(month_slice, tmp_path):
    """A store that holds more than the file: the difference is named, the exit code is 1."""
    store = f"sqlite:///{tmp_path}/flights.db"
    lines = month_slice.read_text().splitlines(keepends=True)
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("".join(lines[:-1]))

    assert run("--json", "--data", month_slice, "--store", store).returncode == 0
    result = run("--json", "--data", shorter, "--store", store)

    assert result.returncode == 1
    assert "differs from the truth: " in result.stderr
    assert "rows is" in result.stderr
