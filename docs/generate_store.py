"""Write the tables and the diagram of docs/store.md anew, from the schema and the state table."""

import re
from importlib.resources import files
from pathlib import Path

from actorbus._states import diagram

DOCUMENT = Path(__file__).with_name("store.md")

_TABLE = re.compile(
    r"(?P<about>(?:^--[^\n]*\n)+)CREATE TABLE (?P<name>\w+) \(\n(?P<columns>.*?)^\)",
    re.MULTILINE | re.DOTALL,
)
_COLUMN = re.compile(
    r"^ {4}(?P<name>[a-z]\w*) +(?P<kind>[A-Z]+)(?P<rest>[^\n]*?)--(?P<about>.*(?:\n +--.*)*)",
    re.MULTILINE,
)
_BARE_COLUMN = re.compile(r"^ {4}(?P<name>[a-z]\w*) +(?P<kind>[A-Z]+)", re.MULTILINE)
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def schema() -> str:
    """Return the script that makes the tables."""
    return files("actorbus").joinpath("sql", "sqlite", "schema.sql").read_text(encoding="utf-8")


def tables() -> str:
    """Return a section for each table, with its columns."""
    return "\n".join(_section(table) for table in _TABLE.finditer(schema()))


def states() -> str:
    """Return the states of a message as a Mermaid diagram."""
    return f"```mermaid\n{diagram()}\n```\n"


def refreshed(document: str) -> str:
    """Return the document with its generated blocks made anew."""
    blocks = {"tables": tables, "states": states}
    return _BLOCK.sub(lambda block: f"{block[1]}{blocks[block[2]]()}{block[3]}", document)


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
