"""What those who deploy and operate a PostgreSQL store ask: its tables' version, and the server."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from actorbus._driver_thread import DriverThread
from actorbus._store import Migration, Server, Tables
from actorbus.stores.postgresql import _server, _tables
from actorbus.stores.postgresql._access import OWN
from actorbus.stores.postgresql._connections import Connections
from actorbus.stores.postgresql._options import PostgresOptions

T = TypeVar("T")

LISTENING = 1
"""Connections on which a process hears what others say."""


class Upkeep(ABC):
    """The part of a store that works on a connection of its own, also while it is not open."""

    options: PostgresOptions
    _dsn: str
    _place: str
    _drivers: DriverThread

    @abstractmethod
    async def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T: ...

    async def tables(self) -> Tables:
        """Say what lies in the database. Changes nothing."""
        return await self._apart(lambda _, connection: _tables.tables(connection, self._place))

    async def migrate(self) -> Migration:
        """Make the tables, or bring them to this version."""
        schema = self.options.schema
        return await self._apart(
            lambda _, connection: _tables.migrate(connection, self._place, schema)
        )

    async def server(self) -> Server:
        """Say how the server is."""
        return await self._apart(self._ask_server)

    async def _ask_server(self, connections: Connections, connection: Any) -> Server:
        hears = not connections.pooled and await _hears(connections)
        return await _server.server(
            connection,
            pooled=connections.pooled,
            hears=hears,
            per_process=self.options.pool_size + OWN + LISTENING,
        )

    async def _apart(self, function: Callable[[Connections, Any], Awaitable[T]]) -> T:
        """Run our own code in a transaction on a connection of its own."""
        was_running = self._drivers.is_running
        await self._drivers.start()
        try:
            return await self._call(self._on_new_connection, function)
        finally:
            if not was_running:
                await self._drivers.stop()

    async def _on_new_connection(self, function: Callable[[Connections, Any], Awaitable[T]]) -> T:
        options = self.options
        connections = Connections(self._dsn, self._place, options, "actorbus", options.tx_limit)
        connection = await connections.open()
        try:
            async with connections.transaction(connection):
                return await function(connections, connection)
        finally:
            connection.terminate()


async def _hears(connections: Connections) -> bool:
    """Whether a notification goes from one connection to another; each commits what it says."""
    listening, sending = await connections.open(), await connections.open()
    try:
        return await _server.hears(listening, sending)
    finally:
        listening.terminate()
        sending.terminate()
