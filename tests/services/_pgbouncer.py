"""PgBouncer in front of a PostgreSQL server, in transaction mode unless told otherwise."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.services._keeper import Keeper
from tests.services._ports import HOST, free_port
from tests.services._postgresql import Postgres
from tests.services._process import CannotStart, ServerProcess

CONFIGURATION = """
[databases]
* = host={host} port={port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
server_check_delay = 0
server_login_retry = 0.2
ignore_startup_parameters = extra_float_digits
"""


class PgBouncer:
    """A pooler of our own. `through(url)` is a database of the server, reached through it."""

    def __init__(
        self, server: Postgres, folder: Path, keeper: Keeper, *, mode: str = "transaction"
    ) -> None:
        self._server = server
        self._mode = mode
        self._process = ServerProcess("PgBouncer", folder, keeper)
        self.port = free_port()
        self.kill = self._process.kill
        self.pause = self._process.pause
        self.resume = self._process.resume
        self.remove = self._process.remove
        self.stop = self._process.stop

    @property
    def behind(self) -> tuple[tuple[str, int], int]:
        """What a proxy needs: the pooler's address, and its own port (0: any)."""
        return (HOST, self.port), 0

    def start(self, pool_size: int = 20) -> None:
        """Start it and wait until the server answers through it."""
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            raise CannotStart("no pgbouncer here: `make services` tells what to install")
        address = urlsplit(self._server.url)
        (self._process.folder / "pgbouncer.ini").write_text(
            CONFIGURATION.format(
                host=address.hostname,
                port=address.port or 5432,
                user=address.username or "postgres",
                listen=self.port,
                mode=self._mode,
                size=pool_size,
            )
        )
        self._process.start([program, "pgbouncer.ini"], ready=self._answers)

    def restart(self) -> None:
        """Kill it, unless it is dead already, and start it again."""
        self.kill()
        self.start()

    def through(self, url: str) -> str:
        """Return this URL of the server's as one through the pooler."""
        address = urlsplit(url)
        user = address.netloc.rpartition("@")[0]
        return urlunsplit(address._replace(netloc=f"{user}@{HOST}:{self.port}"))

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.through(self._server.url), autocommit=True) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True
