"""Where the servers of a run are, and databases that are filled once and copied for each round."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks._process import MeasurementFailed
from tests.services import CannotStart, Kafka, Postgres, Services

SHOWN = ("server_version", "fsync", "synchronous_commit", "shared_buffers")


@contextmanager
def servers() -> Iterator["Servers"]:
    """Give the servers; those that are asked for and not in the environment are started."""
    try:
        with Services() as services:
            yield Servers(services)
    except CannotStart as error:
        raise MeasurementFailed(str(error)) from error


@dataclass(frozen=True, slots=True)
class Servers:
    services: Services

    @property
    def postgres(self) -> Postgres:
        """PostgreSQL with the settings that keep data: what is measured includes its fsync."""
        if os.environ.get("ACTORBUS_TEST_POSTGRESQL"):
            return self.services.postgres
        return self.services.own_postgres

    @property
    def kafka(self) -> Kafka:
        return self.services.kafka


@dataclass(frozen=True, slots=True)
class Backlog:
    """A database that was filled before the clock starts."""

    server: Postgres
    name: str

    def copy(self) -> AbstractContextManager[str]:
        """Give the URL of a copy, which is gone afterwards."""
        return self.server.fresh_database(self.name)


@contextmanager
def filled(server: Postgres, fill: Callable[[str], object]) -> Iterator[Backlog]:
    with server.fresh_database() as url:
        fill(url)
        server.fetch("VACUUM ANALYZE", url=url)
        server.fetch("CHECKPOINT")
        yield Backlog(server, urlsplit(url).path.removeprefix("/"))


def settings(server: Postgres) -> str:
    """Return what the server says of itself, for the notes."""
    told = (f"{name} {server.fetch(f'SHOW {name}')[0][0]}" for name in SHOWN)
    return f"PostgreSQL: {', '.join(told)}."
