"""Write the tables and the diagram of docs/store.md anew, from the schemas and the state table."""

import re
from importlib.resources import files
from pathlib import Path

from actorbus._states import diagram

DOCUMENT = Path(__file__).with_name("store.md")

_TABLE = re.compile(
    r"(?P<about>(?:^--[^\n]*\n)+)CREATE TABLE (?P<name>\w+) \(\n(?P<columns>.*?)^\)",
    re.MULTILINE | re.DOTALL,
)
_KIND = r"(?P<kind>DOUBLE PRECISION|[A-Z]+)"
_COLUMN = re.compile(
    rf"^ {{4}}(?P<name>[a-z]\w*) +{_KIND}(?P<rest>[^\n]*?)--(?P<about>.*(?:\n +--.*)*)",
    re.MULTILINE,
)
_BARE_COLUMN = re.compile(rf"^ {{4}}(?P<name>[a-z]\w*) +{_KIND}", re.MULTILINE)
_ALIKE = {("real", "double precision"), ("integer", "bigint"), ("blob", "bytea")}
"""Types of SQLite's, and what they are called on PostgreSQL."""
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def schema(database: str = "sqlite") -> str:
    """Return the script that makes the tables."""
    return files("actorbus").joinpath("sql", database, "schema.sql").read_text(encoding="utf-8")


def tables() -> str:
    """Return a section for each table, with its columns."""
    return "\n".join(_section(table) for table in _TABLE.finditer(schema()))


def postgresql() -> str:
    """Return how the tables on PostgreSQL differ, column by column."""
    here, there = _columns(schema()), _columns(schema("postgresql"))
    rows = [
        f"| `{table}` | `{name}` | {kind or 'none'} | {other or 'none'} | {about} |"
        for (table, name), (kind, _) in here.items()
        for other, about in [there.get((table, name), ("", ""))]
        if kind != other and (kind, other) not in _ALIKE
    ]
    rows += [
        f"| `{table}` | `{name}` | none | {kind} | {about} |"
        for (table, name), (kind, about) in there.items()
        if (table, name) not in here
    ]
    return "\n".join(
        ["| table | column | SQLite | PostgreSQL | |", "|---|---|---|---|---|", *rows, ""]
    )


def states() -> str:
    """Return the states of a message as a Mermaid diagram."""
    return f"```mermaid\n{diagram()}\n```\n"


def refreshed(document: str) -> str:
    """Return the document with its generated blocks made anew."""
    blocks = {"tables": tables, "states": states, "postgresql": postgresql}
    return _BLOCK.sub(lambda block: f"{block[1]}{blocks[block[2]]()}{block[3]}", document)


def _columns(script: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Return type and explanation of each column, by table and name."""
    found = {}
    for table in _TABLE.finditer(script):
        about = {
            column["name"]: _plain(column["about"]) for column in _COLUMN.finditer(table["columns"])
        }
        for column in _BARE_COLUMN.finditer(table["columns"]):
            key = table["name"], column["name"]
            found[key] = column["kind"].lower(), about.get(column["name"], "")
    return found


def _section(table: re.Match[str]) -> str:
    about = {
        column["name"]: _plain(column["about"]) for column in _COLUMN.finditer(table["columns"])
    }
    rows = [
        f"| `{column['name']}` | {column['kind'].lower()} | {about.get(column['name'], '')} |"
        for column in _BARE_COLUMN.finditer(table["columns"])
    ]
    head = [f"### {table['name']}", "", _plain(table["about"]), ""]
    return "\n".join([*head, "| column | type | |", "|---|---|---|", *rows, ""])


def _plain(comment: str) -> str:
    lines = (line.strip().removeprefix("--").strip() for line in comment.splitlines())
    return " ".join(line for line in lines if line)


if __name__ == "__main__":
    DOCUMENT.write_text(refreshed(DOCUMENT.read_text("utf-8")), "utf-8")
