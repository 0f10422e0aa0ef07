"""How a store reaches its database: two pools, so that handlers never keep the store from its work.

`handlers` is for transactions and snapshots; `own` for claims, settlements and leases. Everything
here happens on the drivers' loop.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._connections import Connections
from actorbus.stores.postgresql._pool import Pool

T = TypeVar("T")

OWN: Final = 3
"""Connections for the store's own work."""


class Access:
    """The pools of an open store."""

    def __init__(self, connections: Connections) -> None:
        options = connections.options
        self.connections = connections
        self.place = connections.place
        self.handlers = Pool(
            connections.open, options.pool_size, options.timeout, connections.place
        )
        self.own = Pool(connections.open, OWN, options.timeout, connections.place)

    async def write(
        self, function: Callable[[Connection], Awaitable[T]], pool: Pool | None = None
    ) -> T:
        """Run our own code in a transaction."""
        async with (
            (pool or self.own).use() as connection,
            self.connections.transaction(connection),
        ):
            return await function(connection)

    async def run(self, function: Callable[[Connection], Awaitable[T]]) -> T:
        """Run our own code that is one statement; in a transaction only where it has to be."""
        if self.connections.pooled:
            return await self.write(function)
        async with self.own.use() as connection:
            return await function(connection)

    async def read(self, function: Callable[[Connection], Awaitable[T]], *, long: bool) -> T:
        """Run our own code that reads, from one moment's state if it may be several statements."""
        pool = self.handlers if long else self.own
        async with pool.use() as connection:
            await connection.execute(self.connections.begin_reading)
            try:
                return await function(connection)
            finally:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")

    async def close(self) -> None:
        """Close all connections."""
        await self.handlers.close()
        await self.own.close()

    def statistics(self) -> dict[str, int | str | bool]:
        """Return what is in use."""
        return {
            "connections_in_use": self.handlers.busy + self.own.busy,
            "waiting_for_a_connection": self.handlers.waiting + self.own.waiting,
            "connections_opened": self.handlers.opened + self.own.opened,
            "connections_thrown_away": self.handlers.thrown_away + self.own.thrown_away,
        }
