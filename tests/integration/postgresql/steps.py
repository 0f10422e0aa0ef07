"""Steps on a PostgreSQL store's tables without the store: several connections, one loop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg

from actorbus._store import Claimed, Demand, Outgoing
from actorbus.stores.postgresql import _append, _claims, _leases, _settle
from actorbus.stores.postgresql._queries import FUNCTIONS, SCHEMA
from actorbus.testing import demand, process


class Process:
    """A process of a bus, with a connection."""

    def __init__(self, name: str, connection: Any, lease: float) -> None:
        self.connection = connection
        self.claims = _claims.Claims(process(name, lease))
        self.lease = _leases.Lease(process(name, lease), asyncio.get_running_loop().time)

    async def append(self, *copies: Outgoing) -> int:
        """Store copies, and commit."""
        async with self.connection.transaction():
            return (await _append.append(self.connection, copies))[0]

    async def claim(self, *demands: Demand) -> list[Claimed]:
        """Claim, and commit."""
        return await self.claims.claim(self.connection, demands or [demand()])

    async def settle(self, *batch: Any) -> _settle.Settled:
        """Settle, and commit."""
        async with self.connection.transaction():
            return await _settle.settle_batch(self.connection, batch)

    async def take_back(self) -> int:
        """Take back what expired owners had."""
        owners = await self.lease.expired_owners(self.connection)
        return (await _leases.take_back(self.connection, owners))[0]


class Database:
    """A database with our tables, and the processes that use it."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url = url
        self._stack = stack

    async def connect(self) -> Any:
        """Return a new connection, which is closed at the end of the test."""
        connection = await asyncpg.connect(self._url)
        self._stack.push_async_callback(connection.close, timeout=5)
        return connection

    async def process(self, name: str = "first", lease: float = 1000.0) -> Process:
        """Return a new process that has a lease."""
        one = Process(name, await self.connect(), lease)
        await one.lease.register(one.connection)
        return one


def on_database(url: str, test: Callable[[Database], Awaitable[None]]) -> None:
    """Run a test on a database with our tables."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            database = Database(url, stack)
            connection = await database.connect()
            await connection.execute(SCHEMA)
            await connection.execute(FUNCTIONS)
            await asyncio.wait_for(test(database), 60)

    asyncio.run(run())


async def waits_for_lock(connection: Any, pid: int) -> None:
    """Return once a backend waits for a lock."""
    waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"
    while not await connection.fetchval(waits, pid):  # noqa: ASYNC110  nobody is told
        await asyncio.sleep(0.005)
