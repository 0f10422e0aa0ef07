"""`actorbus store`: the version of the tables, and what changes it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine

OLD = Path(__file__).parents[1] / "unit" / "actorbus" / "stores" / "schema_2.sql"
DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture
def actorbus(tmp_path):
    return CommandLine.at(tmp_path)


@pytest.fixture
def older(actorbus):
    """A command line beside a store of version 2."""
    with closing(sqlite3.connect(actorbus.folder / "shop.db")) as connection:
        connection.executescript(OLD.read_text("utf-8"))
        connection.execute("INSERT INTO actorbus_schema VALUES (2, 'the store', 1.0, 1.0)")
        connection.commit()
    return actorbus


def test_status_says_that_there_are_no_tables_and_makes_none(actorbus):
    done = actorbus("store", "status", "shop:bus")

    assert (done.code, done.err) == (1, "")
    assert "no tables" in done.out
    assert not (actorbus.folder / "shop.db").exists()


def test_migrate_makes_the_tables_that_a_bus_then_finds(actorbus):
    made = actorbus("store", "migrate", "shop:bus")
    found = actorbus("store", "status", "shop:bus")

    assert (made.code, found.code) == (0, 0), made.err + found.err
    assert made.out.startswith("no tables -> version")
    assert "up to date" in found.out
    assert re.search(r"actorbus_schema\W+1\b", found.out)


def test_status_and_migrate_as_json(older):
    before = older("store", "status", "sqlite:///shop.db", "--json")
    done = older("store", "migrate", "sqlite:///shop.db", "--json").json
    after = older("store", "status", "sqlite:///shop.db", "--json")

    assert (before.code, before.json["state"], before.json["found"]) == (1, "to be migrated", 2)
    assert (done["before"], done["scripts"]) == (2, before.json["pending"])
    assert (after.code, after.json["state"], after.json["found"]) == (
        0,
        "up to date",
        done["after"],
    )


def test_of_several_that_migrate_at_once_one_does(older):
    """The others wait, and find nothing to do."""
    command = ("store", "migrate", "sqlite:///shop.db")
    processes = [older.start(*command) for _ in range(4)]
    said = [process.communicate(timeout=60)[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    assert sorted("nothing to do" in one for one in said) == [False, True, True, True]


def test_tables_that_are_too_new_are_shown_and_refused(actorbus):
    actorbus("store", "migrate", "shop:bus")
    with closing(sqlite3.connect(actorbus.folder / "shop.db")) as connection:
        connection.execute("UPDATE actorbus_schema SET version = 99")
        connection.commit()
    shown = actorbus("store", "status", "shop:bus")
    refused = actorbus("store", "migrate", "shop:bus")

    assert (shown.code, refused.code) == (5, 5)
    assert "too new" in shown.out
    assert "Update actorbus" in refused.err


def test_a_url_that_is_none_is_a_wrong_command_line(actorbus):
    done = actorbus("store", "status", "sqlite:///shop.db?a=b")

    assert done.code == 2
    assert "unknown option 'a'" in done.err


def test_the_codes_are_documented():
    section = DOCUMENT.read_text("utf-8").partition("## store\n")[2].partition("\n## ")[0]

    for words in ("ends with 0", "with 1 for", "with 5 for", "migrate=never", "sqlite:///shop.db"):
        assert words in section
