"""Waking other processes when messages are ready: NOTIFY, many commits at once, and LISTEN.

NOTIFY is no part of the transactions whose messages it tells of: at its commit it takes a lock that
is one for the whole server. It is sent after them, for all channels that became ready within
`_PAUSE`. Nothing depends on it: who hears nothing finds the messages with the next poll.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from random import random
from typing import Any, Final

from actorbus._driver_thread import DriverThread
from actorbus._store import StoreError
from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._errors import translate
from supervisors import Backoff

_PAUSE: Final = 0.01
"""Seconds between two notifications of one process."""
_LARGEST: Final = 7000
"""Bytes of a payload; PostgreSQL takes 7999."""
_LONGEST_NAME: Final = 63
_BACKOFF: Final = Backoff(initial=0.05, maximum=5.0)

_log = logging.getLogger("actorbus.store")


def channel_name(schema: str) -> str:
    """Return the name of the notification channel of the tables in a schema."""
    name = f"actorbus.{schema or 'public'}"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"actorbus.{hashlib.sha256(schema.encode()).hexdigest()[:32]}"


class Notifier:
    """Tells other processes which channels have work."""

    def __init__(self, drivers: DriverThread, access: Access, channel: str, sender: str) -> None:
        self._drivers = drivers
        self._access = access
        self._channel = channel
        self._sender = sender
        self._pending: set[str] = set()
        self._is_running = False
        self.sent = 0
        """Notifications so far."""
        self.failed = 0

    def notify(self, channels: set[str]) -> None:
        """Tell of these channels soon. On the drivers' loop."""
        self._pending |= channels
        if not self._is_running:
            self._is_running = True
            self._drivers.start_soon(self._run)

    async def _run(self) -> None:
        try:
            while self._pending:
                pending, self._pending = self._pending, set()
                for payload in payloads(self._sender, pending):
                    await self._send(payload)
                await asyncio.sleep(_PAUSE)
        finally:
            self._is_running = False

    async def _send(self, payload: str) -> None:
        async def send(connection: Connection) -> None:
            await connection.execute("SELECT pg_notify($1, $2)", self._channel, payload)

        try:
            await self._access.run(send)
        except Exception as error:
            if translate(error, self._access.place) is None:
                raise
            self.failed += 1  # the others' polls find what is ready
        else:
            self.sent += 1


class Listener:
    """Hears what other processes make ready, on a connection of its own."""

    def __init__(
        self,
        drivers: DriverThread,
        access: Access,
        channel: str,
        process_id: str,
        heard: Callable[[set[str] | None], None],
    ) -> None:
        self._drivers = drivers
        self._access = access
        self._channel = channel
        self._process_id = process_id
        self._heard = heard
        self._was_lost = False
        self.is_listening = False
        self.heard = 0
        """Notifications of others so far."""

    async def serve(self) -> None:
        """Listen until cancelled; connect anew when the connection is lost."""
        failures = 0
        while True:
            try:
                connection = await self._access.connections.open()
            except StoreError:
                failures += 1
            else:
                try:
                    failures = 0 if await self._listen(connection) else failures + 1
                finally:
                    self.is_listening = False
                    connection.terminate()
            await asyncio.sleep(_BACKOFF.delay(max(failures, 1), random()))

    async def _listen(self, connection: Any) -> bool:
        """Listen until the connection is lost; False if it never worked."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        interval = self._access.connections.options.timeout
        try:
            await connection.add_listener(self._channel, self._notified)
            self.is_listening = True
            if self._was_lost:
                self._drivers.tell(self._heard, None)  # who knows what was missed
            self._was_lost = True
            while not await _within(lost, interval):
                await connection.execute("SELECT 1")  # or else nobody hears that nobody speaks
        except Exception as error:
            if translate(error, self._access.place) is None:
                raise
            return self.is_listening
        return True

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        sender, channels = read(payload)
        if sender != self._process_id:
            self.heard += 1
            self._drivers.tell(self._heard, channels)


async def wake(connection: Connection, schema: str, channels: set[str]) -> None:
    """Tell all processes that these channels have work, on a connection outside of a transaction.

    `schema` is where the tables are, as in the store's options.
    """
    for payload in payloads("", channels):
        await connection.execute("SELECT pg_notify($1, $2)", channel_name(schema), payload)


def payloads(sender: str, channels: set[str]) -> Iterator[str]:
    """Return what says that these channels have work, in pieces that PostgreSQL takes."""
    piece: list[str] = []
    size = 0
    for channel in sorted(channels):
        length = len(json.dumps(channel)) + 2
        if piece and size + length > _LARGEST:
            yield json.dumps([sender, *piece])
            piece, size = [], 0
        piece.append(channel if length <= _LARGEST else "")
        size += min(length, _LARGEST)
    if piece:
        yield json.dumps([sender, *piece])


def read(payload: str) -> tuple[str, set[str] | None]:
    """Return the sender and the channels; None for all, as for whatever others may send."""
    try:
        sender, *channels = json.loads(payload)
    except (ValueError, TypeError):
        return "", None
    if not all(isinstance(name, str) and name for name in channels):
        return str(sender), None
    return str(sender), set(channels)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
