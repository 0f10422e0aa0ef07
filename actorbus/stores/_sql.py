"""The SQL of a store: files in `actorbus/sql/<database>/`, read when the store is first used.

A file of queries has a section for each: `-- name: <name>`, a comment that says what for, and one
statement. `schema.sql` makes the tables; `migrations/0002_what.sql` leads to version 2.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*")


def parse(text: str) -> Mapping[str, str]:
    """Return the statement of each `-- name:` section, without comments and the final semicolon."""
    pieces = _NAME.split(text)[1:]
    return MappingProxyType(dict(zip(pieces[::2], map(_statement, pieces[1::2]), strict=True)))


def read(database: str, name: str) -> str:
    """Return the text of a file."""
    return _folder(database).joinpath(name).read_text(encoding="utf-8")


def queries(database: str) -> Mapping[str, str]:
    """Return the statements of all files of queries by name; one that is there twice is a bug."""
    found: dict[str, str] = {}
    for entry in sorted(_folder(database).iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("queries") and entry.name.endswith(".sql"):
            some = parse(entry.read_text(encoding="utf-8"))
            if twice := found.keys() & some.keys():
                raise ValueError(f"{entry.name}: {', '.join(sorted(twice))} is there twice")
            found.update(some)
    return MappingProxyType(found)


def migrations(database: str) -> dict[int, str]:
    """Return the migration scripts by the version that they lead to."""
    return {
        version: entry.read_text(encoding="utf-8") for version, entry in _scripts(database).items()
    }


def pending(database: str, found: int | None, wanted: int) -> tuple[str, ...]:
    """Return the names of the scripts that lead from one version to another, in their order."""
    if found is None:
        return ("schema.sql",)
    scripts = _scripts(database)
    return tuple(
        scripts[step].name if step in scripts else f"(no script leads to version {step})"
        for step in range(found + 1, wanted + 1)
    )


def _scripts(database: str) -> dict[int, Traversable]:
    folder = _folder(database).joinpath("migrations")
    if not folder.is_dir():
        return {}
    scripts = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return {int(entry.name[:4]): entry for entry in scripts}


def _folder(database: str) -> Traversable:
    return files("actorbus").joinpath("sql", database)


def _statement(section: str) -> str:
    return _COMMENT.sub("", section).strip().removesuffix(";")
