"""Which database drivers there are in this process, and whether they are new enough."""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

OLDEST_SQLITE: Final = (3, 37, 0)
"""The first that has STRICT tables."""
OLDEST_ASYNCPG: Final = (0, 30)
OLDEST_AIOKAFKA: Final = (0, 12)


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
    sqlite = Driver("SQLite", sqlite3.sqlite_version, "3.37", enough)
    return (
        sqlite,
        *_installed("asyncpg", OLDEST_ASYNCPG),
        *_installed("aiokafka", OLDEST_AIOKAFKA),
    )


def _installed(name: str, oldest: tuple[int, int]) -> Iterator[Driver]:
    """Return an extra's driver, without importing it; none if it is not there."""
    try:
        found = version(name)
    except PackageNotFoundError:
        return
    numbers = tuple(int(number) for number in re.findall(r"\d+", found)[:2])
    yield Driver(name, found, ".".join(map(str, oldest)), numbers >= oldest)
