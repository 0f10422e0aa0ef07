"""The named queries of `sql/sqlite/queries.sql`, and the script that makes the tables."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*")


def parse(text: str) -> Mapping[str, str]:
    """Return the statement of each `-- name:` section, without comments and the final semicolon."""
    pieces = _NAME.split(text)[1:]
    return MappingProxyType(dict(zip(pieces[::2], map(_statement, pieces[1::2]), strict=True)))


def _statement(section: str) -> str:
    return _COMMENT.sub("", section).strip().removesuffix(";")


def _read(name: str) -> str:
    return files("actorbus").joinpath("sql", "sqlite", name).read_text(encoding="utf-8")


QUERIES: Final = parse(_read("queries.sql"))
SCHEMA: Final = _read("schema.sql")


def migrations() -> dict[int, str]:
    """Return the migration scripts (`migrations/0002_name.sql`) by the version they lead to."""
    folder = files("actorbus").joinpath("sql", "sqlite", "migrations")
    if not folder.is_dir():
        return {}
    scripts = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return {int(entry.name[:4]): entry.read_text(encoding="utf-8") for entry in scripts}
