"""PostgreSQL: a server that is there, and one of our own that may be killed."""

import itertools
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.services._keeper import Keeper
from tests.services._ports import HOST, free_port
from tests.services._process import CannotStart, ServerProcess, as_unprivileged, run

QUICK: Mapping[str, object] = {"fsync": "off", "full_page_writes": "off"}
"""Settings of the server that most tests share: its data would not survive a power cut."""

SETTINGS: Mapping[str, object] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": 200,
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "log_checkpoints": "off",
}

_numbers = itertools.count(1)


class Postgres:
    """A PostgreSQL server on which the tests may make databases."""

    def __init__(self, url: str) -> None:
        self.url = url
        """Of its maintenance database."""

    def database_url(self, name: str) -> str:
        """Return the URL of another database of this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def fetch(self, statement: str, *, url: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement, outside a transaction, and return its rows."""
        with psycopg.connect(url or self.url, autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def fresh_database(self, template: str = "template0") -> Iterator[str]:
        """Make an empty database for one test and give its URL; dropped afterwards."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.fetch(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.database_url(name)
        finally:
            self.fetch(f"DROP DATABASE {name} WITH (FORCE)")

    def terminate_backends(self, condition: str = "true") -> int:
        """End the server's side of connections to other databases; return how many there were."""
        return len(
            self.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ="
                f" 'client backend' AND datname <> current_database() AND ({condition})"
            )
        )


class PostgresServer(Postgres):
    """A server of our own: made at the first start, ended by its process id."""

    def __init__(
        self, folder: Path, keeper: Keeper, settings: Mapping[str, object] | None = None
    ) -> None:
        super().__init__("")
        self._settings = {**SETTINGS, **(settings or {})}
        self._process = ServerProcess("PostgreSQL", folder, keeper)
        self._data = folder / "data"
        self.port = 0
        self.folder = folder
        self.kill = self._process.kill
        self.pause = self._process.pause
        self.resume = self._process.resume
        self.remove = self._process.remove

    @property
    def running(self) -> bool:
        """Whether its process is there, also when it is paused."""
        return self._process.running

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._process.pid

    @property
    def behind(self) -> tuple[tuple[str, int], int]:
        """What a proxy needs: the server's address, and its own port (0: any)."""
        return (HOST, self.port), 0

    def start(self) -> None:
        """Start it and wait until it answers; also after `stop` and `kill`, on the same port."""
        if not self._data.exists():
            self._initialise()
        if not self.port:
            self.port = free_port()
            self.url = f"postgresql://postgres@{HOST}:{self.port}/postgres"
        settings = [f"-c{name}={value}" for name, value in self._settings.items()]
        command = [str(_program("postgres")), f"-D{self._data}", f"-p{self.port}", *settings]
        self._process.start(command, ready=self._answers)

    def stop(self) -> None:
        """Shut it down; clients are disconnected, their transactions rolled back."""
        self._process.stop(signal.SIGINT)

    def restart(self) -> None:
        """Kill it, unless it is dead already, and start it again."""
        self.kill()
        self.start()

    def _initialise(self) -> None:
        run(
            [
                _program("initdb"),
                *("--pgdata", self._data, "--username=postgres", "--auth=trust"),
                *("--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"),
            ],
            cwd=self._process.folder,
            **as_unprivileged(),
        )

    def _answers(self) -> bool:
        try:
            self.fetch("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _program(name: str) -> Path:
    """Return where a program of PostgreSQL is: Debian keeps them out of the PATH."""
    path = find(name)
    if path is None:
        raise CannotStart(f"no {name} here: `make services` tells what to install")
    return path


def find(name: str) -> Path | None:
    """Return the path of the newest such program, or None."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = sorted(versions, key=lambda path: int(path.parts[-3]))
    if newest:
        return newest[-1]
    found = shutil.which(name)
    return Path(found) if found else None
