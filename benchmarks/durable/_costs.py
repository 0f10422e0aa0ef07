"""What a message costs the database: statements, round trips and bytes of its log (WAL).

Each piece of work is done for few messages and for many; the difference is what the messages cost,
without what a start costs. Nothing of this is measured by the clock.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks.durable._wire import counted
from tests.services import Postgres

LSN = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"

Work = Callable[[str], object]
"""Does the work on the database at a URL, which leads through the counter."""


class Spent(NamedTuple):
    statements: int
    round_trips: int
    wal_bytes: int


def spend(server: Postgres, url: str, work: Work) -> Spent:
    """Do some work, and return what it took in all."""
    server.fetch("CHECKPOINT")
    before = _written(server)
    with counted(url) as wire:
        work(wire.url)
        return Spent(wire.statements, wire.round_trips, _written(server) - before)


def each(few: Spent, many: Spent, messages: int) -> Mapping[str, float]:
    """Return what each of `messages` more has cost."""
    return {name: (getattr(many, name) - getattr(few, name)) / messages for name in Spent._fields}


def writes_whole_pages(server: Postgres) -> bool:
    """Whether the log has pages too: then its size depends on when a checkpoint was."""
    return bool(server.fetch("SHOW full_page_writes") == [("on",)])


def _written(server: Postgres) -> int:
    return int(server.fetch(LSN)[0][0])
