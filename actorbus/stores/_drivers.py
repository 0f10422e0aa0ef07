"""Which database drivers there are in this process, and whether they are new enough."""

import sqlite3
from dataclasses import dataclass
from typing import Final

OLDEST_SQLITE: Final = (3, 37, 0)
"""The first that has STRICT tables."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A database library."""

    name: str
    version: str
    needed: str
    is_new_enough: bool


def drivers() -> tuple[Driver, ...]:
    """Return the database libraries of this process."""
    enough = sqlite3.sqlite_version_info >= OLDEST_SQLITE
    return (Driver("SQLite", sqlite3.sqlite_version, "3.37", enough),)
