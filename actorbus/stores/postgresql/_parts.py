"""What an open PostgreSQL store is made of, and how it is started and taken apart."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from random import random
from typing import Any, Final

from actorbus._driver_thread import DriverThread
from actorbus._fault_points import FaultPoints
from actorbus._store import ProcessInfo
from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._appender import Appender
from actorbus.stores.postgresql._claims import Claims
from actorbus.stores.postgresql._clock import DatabaseClock
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._connections import Connections
from actorbus.stores.postgresql._finishing import Finishing
from actorbus.stores.postgresql._group import Groups
from actorbus.stores.postgresql._guard import Guard
from actorbus.stores.postgresql._keeper import LeaseKeeper
from actorbus.stores.postgresql._leases import Lease
from actorbus.stores.postgresql._schema import (
    Schema,
    check,
    prepare,
    read,
    refuse_other_functions,
    refuse_to_migrate,
)
from actorbus.stores.postgresql._settler import Settler
from actorbus.stores.postgresql._wake_up import Listener, Notifier, channel_name
from supervisors import Backoff

_log = logging.getLogger("actorbus.store")
_BACKOFF: Final = Backoff(initial=0.05, maximum=5.0)
_PER_CONNECTION: Final = 4
"""Turns that may be on their way to the database for each connection of the pool."""


class Parts:
    """Made when the store is opened. `told_ready` and `heard` are called on the trio side."""

    def __init__(
        self,
        drivers: DriverThread,
        connections: Connections,
        process: ProcessInfo,
        clock: DatabaseClock,
        *,
        fault_points: FaultPoints,
        told_ready: Callable[[set[str]], None],
        heard: Callable[[set[str] | None], None],
    ) -> None:
        options = connections.options
        channel = channel_name(options.schema)
        size = options.pool_size * _PER_CONNECTION
        self.drivers = drivers
        self.place = connections.place
        self.options = options
        self.process = process
        self.clock = clock
        self.fault_points = fault_points
        self.guard = Guard()
        self.access = access = Access(connections)
        self.finishing = Finishing(drivers, connections, fault_points, told_ready, size)
        self.groups = Groups(access)
        self.appender = Appender(access)
        self.settler = Settler(drivers, access, told_ready)
        self.notifier = Notifier(drivers, access, channel, process.process_id)
        self.listener = Listener(drivers, access, channel, process.process_id, heard)
        self.lease = Lease(process, clock.local)
        self.keeper = LeaseKeeper(self.lease, access)
        self.claims = Claims(process)
        self.schema: Schema | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- on the drivers' loop ---------------------------------------------------------------

    async def prepare(self) -> None:
        """Make or check the tables. Raises StoreError."""
        self.schema = await self.access.write(self._prepare)

    async def _prepare(self, connection: Connection) -> Schema:
        if self.options.migrate == "never":
            schema = refuse_to_migrate(await read(connection, self.place), self.place)
            await refuse_other_functions(connection, self.place)
            return schema
        return await prepare(connection, self.place, self.options.schema)

    async def look(self) -> None:
        """Read which tables are there now; make them if there are none. Raises StoreError."""
        self.schema = await self.access.write(self._look)

    async def _look(self, connection: Connection) -> Schema:
        found = await read(connection, self.place)
        check(found, self.place)
        return found or await self._prepare(connection)

    async def start(self) -> None:
        """Take the lease, and begin to serve."""
        await self.access.write(self.lease.register)
        self.lease.committed()
        self._serve(self.settler.serve)
        self._serve(self.keeper.serve)
        if not self.access.connections.pooled:
            self._serve(self.listener.serve)

    async def renew(self) -> bool:
        """Renew the lease; False if it had been lost."""
        kept = await self.access.write(self.lease.renew)
        self.lease.committed()
        self.keeper.renewed()
        return kept

    async def stop(self) -> None:
        """Serve no more, and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.appender.stop()
        await self.access.close()

    def _serve(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.append(asyncio.create_task(self._keep_serving(function)))

    async def _keep_serving(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Call a function that does not return; if a mistake in it ends it, call it again."""
        failures = 0
        while True:
            try:
                await function()
            except Exception:  # noqa: BLE001  logged, with its traceback
                _log.exception("store %s: %r stopped, and begins anew", self.place, function)
            failures += 1
            await asyncio.sleep(_BACKOFF.delay(failures, random()))

    def statistics(self) -> dict[str, int | str | bool]:
        """Return what goes on between this process and the database."""
        connections = self.access.connections
        return self.access.statistics() | {
            "pooler": "transaction" if connections.pooled else "none",
            "listening": self.listener.is_listening,
            "notifications_sent": self.notifier.sent,
            "notifications_failed": self.notifier.failed,
            "notifications_heard": self.listener.heard,
            "queued_settlements": self.settler.waiting,
            "stale_settlements": self.settler.stale + self.finishing.stale,
            "stale_transactions": self.finishing.stale_transactions,
            "group_commits": self.groups.commits,
            "group_members": self.groups.members,
            "group_members_cut": self.groups.cut,
        }
