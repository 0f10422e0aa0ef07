"""How connections are made: settings, deadlines, and what is done behind a transaction pooler.

A pooler in transaction mode gives the server's connection to somebody else between two
transactions. Behind one nothing is set for the session, nothing is prepared, nothing is listened
to, and every statement is inside a transaction, whose settings come with its BEGIN. `auto` finds
one out: it refuses the settings, or the server's process is not the one that it was told of.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from actorbus.stores.postgresql._errors import leaves_in_doubt, outage
from actorbus.stores.postgresql._options import PostgresOptions

BEGIN: Final = "BEGIN"
BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
OLDEST: Final = (13, 0)
"""The oldest PostgreSQL that is supported upstream; ours are tested on 15."""


class Connections:
    """Makes connections to one database, all alike."""

    def __init__(
        self, dsn: str, place: str, options: PostgresOptions, name: str, lease: float
    ) -> None:
        self.options = options
        self.place = place
        self._dsn = dsn
        self._name = name
        self.tx_limit = min(options.tx_limit, lease)
        """Seconds that a handler may do nothing inside its transaction."""
        self._pooled: bool | None = {"none": False, "transaction": True}.get(options.pooler)
        self.begin = BEGIN
        """What begins a transaction."""
        self.begin_reading = BEGIN_READING

    @property
    def pooled(self) -> bool:
        """Whether there is a transaction pooler, as far as is known."""
        return bool(self._pooled)

    async def open(self) -> Any:
        """Return a new connection. Raises StoreError."""
        try:
            return await self._open()
        except Exception as error:
            raise outage(error, self.place) from error

    @asynccontextmanager
    async def transaction(self, connection: Any) -> AsyncIterator[None]:
        """Run a block of our own statements in a transaction."""
        await connection.execute(self.begin)
        try:
            yield
        except Exception as error:
            if not (connection.is_closed() or leaves_in_doubt(error)):
                await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")

    # -- inside -----------------------------------------------------------------------------

    async def _open(self) -> Any:
        if self._pooled is None:
            self._settle(pooled=False)
            connection = await self._find_out()
        else:
            self._settle(pooled=self._pooled)
            connection = await self._connect()
        return connection

    async def _find_out(self) -> Any:
        """Connect as usual, and see whether there is a pooler."""
        try:
            connection = await self._connect()
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            if pid == connection.get_server_pid():
                self._pooled = False
                return connection
            connection.terminate()
        except asyncpg.ProtocolViolationError:  # it does not know the settings
            pass
        self._settle(pooled=True)
        return await self._connect()

    def _settle(self, *, pooled: bool) -> None:
        """Write the statements that begin transactions."""
        self._is_pooled_now = pooled
        if pooled:
            self._pooled = True
            local = ", ".join(
                f"set_config('{name}', {_text(value)}, true)" for name, value in self._settings()
            )
            self.begin = f"{BEGIN}; SELECT {local}"
            self.begin_reading = f"{BEGIN_READING}; SELECT {local}"

    def _settings(self) -> list[tuple[str, str]]:
        options = self.options
        settings = [
            ("lock_timeout", f"{options.lock_timeout * 1000:.0f}"),
            ("statement_timeout", f"{options.statement_timeout * 1000:.0f}"),
            ("idle_in_transaction_session_timeout", f"{self.tx_limit * 1000:.0f}"),
        ]
        if options.schema:
            quoted = options.schema.replace('"', '""')
            settings.append(("search_path", f'"{quoted}", "$user", public'))
        return settings

    async def _connect(self) -> Any:
        pooled, options = self._is_pooled_now, self.options
        settings = {} if "application_name=" in self._dsn else {"application_name": self._name}
        if not pooled:
            settings |= dict(self._settings())
        return await asyncpg.connect(
            self._dsn,
            timeout=options.timeout,
            command_timeout=options.timeout,
            statement_cache_size=0 if pooled else 256,
            max_cached_statement_lifetime=0,
            server_settings=settings,
        )


def _text(value: str) -> str:
    """Quote a text for SQL."""
    return "'" + value.replace("'", "''") + "'"
