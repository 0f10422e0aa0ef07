"""Keeps what a channel knows of its tenants up to date, and lets go on what was parked for them.

Rules:
 1. A `tenants=` function is asked when the bus starts, every `refresh` seconds, and soon after a
    name was not known. When it fails, those known before stay known, and it is asked again later.
 2. When there is news, parked messages whose tenant, or route, is known now go on.
 3. When all places for tenants were taken, those that have messages are counted anew.
"""

from collections.abc import Callable
from typing import Any

import trio

from actorbus._bus_events import TenantsNotRefreshed
from actorbus._store import ParkedFilter, StoreError
from actorbus._user_calls import parameter_count
from actorbus.channels._tenant_directory import TenantDirectory
from actorbus.declaring._channel import Channel, DynamicChannel
from actorbus.declaring._routed_channel import RoutedChannel, Routing
from actorbus.endpoints._surroundings import Surroundings
from actorbus.options._options import as_seconds
from actorbus.sending._placing import UNKNOWN_ROUTE, UNKNOWN_TENANT
from actorbus.transactions._inner_units import SnapshotUnitOfWork
from actorbus.transactions._transaction import Transaction
from supervisors import Retry

AGAIN = Retry(attempts=2**31, initial=1.0, maximum=60.0)
"""How long a function that failed is left alone."""


class Registrar:
    """The part of a channel's router that has to ask somebody."""

    def __init__(self, bus: Surroundings, channel: Channel | Routing, path: str) -> None:
        self._bus = bus
        self._channel = channel
        self._path = path
        self._directory = bus.places.directories.get(channel.name)
        self._failures = 0
        self._asking = trio.Lock()

    @property
    def interval(self) -> float | None:
        """Seconds between two looks; None if there is nothing to ask."""
        if self._directory is None or not self._directory.is_asked:
            return None
        return as_seconds(self._directory.channel.refresh)

    def listen(self, missed: Callable[[], None]) -> None:
        """Call this when somebody was not known, or found no place."""
        if self._directory is not None:
            self._directory.on_miss = missed

    async def load(self) -> None:
        """Find out who is known, for the first time. Raises what the function raises."""
        if self._directory is None:
            return
        if self._directory.is_asked:
            try:
                await self._learn(self._directory)
            except Exception as error:
                error.add_note(f"channel {self._channel.name!r}: its tenants= function failed")
                raise
        await self._count_anew()

    async def look(self) -> float:
        """Ask again; return how many seconds to wait at least before the next time."""
        directory = self._directory
        if directory is not None and directory.is_full:
            await self._count_anew()
        if directory is None or not directory.is_asked:
            return 1.0
        try:
            news = await self._learn(directory)
        except Exception as error:  # noqa: BLE001  told to whoever watches; asked again later
            return self._failed(error)
        self._failures = 0
        if news:
            await self.reconsider()
        return 1.0

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        delay = AGAIN.next_delay(self._failures, 0.5) or AGAIN.maximum
        now, name = trio.current_time(), self._channel.name
        self._bus.publish(TenantsNotRefreshed(self._path, now, name, error, delay))
        return delay

    async def _learn(self, directory: TenantDirectory) -> bool:
        """Ask, one at a time: an answer from before never replaces a later one. True: news."""
        async with self._asking:
            return directory.take(await self._ask())

    async def _ask(self) -> Any:
        function: Any = self._channel.tenants if isinstance(self._channel, DynamicChannel) else None
        if parameter_count(function) == 0:
            return await self._bus.user_calls.call(function)
        unit = SnapshotUnitOfWork(self._bus.store, f"tenants of {self._channel.name}")
        try:
            transaction = Transaction(self._bus.user_calls.worlds, unit)
            return await self._bus.user_calls.call(function, transaction)
        finally:
            await unit.rollback()

    async def _count_anew(self) -> None:
        directory = self._directory
        if directory is not None:
            limit = directory.channel.max_tenants
            found = await self._bus.store.tenants(self._channel.name, limit=limit)
            directory.count_anew(found)

    # -- what was parked --------------------------------------------------------------------

    async def reconsider(self) -> None:
        """Let go on what was parked on this channel and has a place now."""
        reason = UNKNOWN_ROUTE if self._directory is None else UNKNOWN_TENANT
        matching = ParkedFilter(channel=self._channel.name, reason=reason)
        try:
            for value in {one.tenant for one in await self._bus.store.parked(matching)}:
                await self._reconsider(value, reason)
        except StoreError as error:
            self._failed(error)

    async def _reconsider(self, value: str, reason: str) -> None:
        channel, tenant = self._place_of(value)
        if tenant is not None:
            name = self._channel.name
            matching = ParkedFilter(channel=name, tenant=value, reason=reason)
            await self._bus.store.unpark(matching, channel=channel, tenant=tenant)

    def _place_of(self, value: str) -> tuple[str, str | None]:
        """Return the channel and tenant that a parked message has now; None: it stays parked."""
        channel = self._channel
        if isinstance(channel, RoutedChannel):
            target = channel.targets.get(value)
            if target is None and channel.unknown in channel.channels:
                target = channel.unknown
            return target or channel.name, None if target is None else ""
        if self._directory is None:
            return channel.name, None
        tenant = self._directory.known_as(value)
        if tenant is not None:
            return channel.name, tenant
        dynamic = self._directory.channel
        default = self._bus.places.default_channel(dynamic)
        if default is not None:
            return default, ""
        return channel.name, dynamic.unknown if self._directory.knows(dynamic.unknown) else None
