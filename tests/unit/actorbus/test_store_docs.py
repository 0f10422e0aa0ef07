"""docs/store.md says what the schema and the state table say, and its recipes run."""

import re
import runpy
import sqlite3
from dataclasses import fields
from pathlib import Path

import pytest

from actorbus.stores.postgresql import PostgresOptions
from actorbus.stores.sqlite import SqliteOptions
from actorbus.stores.sqlite._queries import SCHEMA

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "store.md").read_text("utf-8")
RECIPES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


def test_the_generated_parts_are_up_to_date():
    """If not: python docs/generate_store.py."""
    generator = runpy.run_path(str(DOCS / "generate_store.py"))
    assert generator["refreshed"](PAGE) == PAGE


def test_every_column_of_every_table_is_explained(database):
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table == "sqlite_sequence":
            continue
        section = PAGE.partition(f"### {table}\n")[2].partition("\n###")[0]
        for _, column, *_ in database.execute(f"PRAGMA table_info({table})"):
            explained = re.search(rf"^\| `{column}` \| \w+ \| \w", section, re.MULTILINE)
            assert explained, (table, column)


@pytest.mark.parametrize("options", [SqliteOptions, PostgresOptions])
def test_every_option_of_a_store_is_explained(options):
    tables = PAGE.partition("## The states of a message")[0]
    first_cells = " ".join(re.findall(r"^\| (.*?) \|", tables, re.MULTILINE))
    named = set(re.findall(r"`(\w+)`", first_cells))

    assert {field.name for field in fields(options)} - named == set()


def test_what_differs_on_postgresql_is_said():
    """Columns that only one of the two has, and types that are not just called otherwise."""
    section = PAGE.partition("### On PostgreSQL\n")[2].partition("\n#")[0]

    assert "| `actorbus_messages` | `suspect` | integer | boolean | true:" in section
    assert "| `actorbus_processes` | `boot_id` | text | none |" in section
    assert "| `actorbus_processes` | `expires_at` | none | double precision | end of" in section
    assert "| `actorbus_messages` | `body`" not in section


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_run(database, recipe):
    assert database.execute(recipe).fetchall() == []


def test_there_are_recipes_to_run():
    assert len(RECIPES) == 7
