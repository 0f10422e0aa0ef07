"""A bounded pool of connections. Everything here happens on the drivers' loop.

Rules: (1) who waits is served first come, first served, at most `timeout` seconds; (2) the
connection used last is used next, so that those that are not needed stay cold; (3) one that is
closed, in doubt, or still inside a transaction is thrown away, and made anew when it is needed;
(4) when one was thrown away because it did not answer, the idle ones are closed too: what swallowed
its answers swallows theirs.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from actorbus._store import StoreUnavailable
from actorbus.stores.postgresql._errors import leaves_in_doubt


class Pool:
    """Up to `size` connections, made by `connect` when they are needed."""

    def __init__(
        self, connect: Callable[[], Awaitable[Any]], size: int, timeout: float, place: str
    ) -> None:
        self._connect = connect
        self._size = size
        self._timeout = timeout
        self._place = place
        self._idle: list[Any] = []
        self._all: set[Any] = set()
        self._places = size
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._closed = False
        self._begun: set[Any] = set()
        self.opened = 0
        """Connections made so far."""
        self.thrown_away = 0
        """Connections that did not answer, or were left inside a transaction."""

    @property
    def busy(self) -> int:
        """How many are in use, or being made."""
        return self._size - self._places - len(self._idle)

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    async def acquire(self) -> Any:
        """Return a connection. Raises StoreUnavailable when none is free in time."""
        connection = self._reuse()
        if connection is not None:
            return connection
        if self._places and not self._waiting:
            return await self._open()
        return await self._wait()

    def release(self, connection: Any, *, broken: bool = False) -> None:
        """Take a connection back; one that is broken is thrown away."""
        self._begun.discard(connection)
        if broken or self._closed or connection.is_closed() or connection.is_in_transaction():
            self._throw_away(connection)
            if broken:
                self.drop_idle()
        elif not self._hand_over(connection):
            self._idle.append(connection)

    def release_begun(self, connection: Any) -> bool:
        """Give a connection that is in a new transaction to the first in line; False: none is."""
        self._begun.add(connection)
        if self._closed or connection.is_closed() or not self._hand_over(connection):
            self._begun.discard(connection)
            return False
        return True

    def is_begun(self, connection: Any) -> bool:
        """Whether a connection came with a transaction that has just begun. Asked once."""
        if connection not in self._begun:
            return False
        self._begun.discard(connection)
        return True

    def _hand_over(self, connection: Any) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        """Lend a connection. After an error that leaves it in doubt it is thrown away.

        What holds whatever is done with it: it is given back.
        """
        connection = await self.acquire()
        broken = True
        try:
            if self.is_begun(connection):
                await connection.execute("ROLLBACK")
            yield connection
            broken = False
        except BaseException as error:
            broken = leaves_in_doubt(error) or connection.is_in_transaction()
            raise
        finally:
            self.release(connection, broken=broken)

    def drop_idle(self) -> None:
        """Close the connections that nobody uses."""
        idle, self._idle = self._idle, []
        for connection in idle:
            self._throw_away(connection)

    async def close(self) -> None:
        """Close all of them, the idle ones in good order. Who waits gets StoreUnavailable."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
        idle, self._idle = self._idle, []
        if idle:
            await asyncio.gather(*(_close(connection) for connection in idle))
        for connection in self._all:
            connection.terminate()

    # -- inside -----------------------------------------------------------------------------

    def _reuse(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._throw_away(connection)
        return None

    async def _open(self) -> Any:
        if self._closed:
            raise StoreUnavailable(f"store {self._place} was closed")
        self._places -= 1
        try:
            connection = await self._connect()
        except BaseException:
            self._free_place()
            raise
        self.opened += 1
        self._all.add(connection)
        return connection

    async def _wait(self) -> Any:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._timeout):
                connection = await waiter
        except TimeoutError:
            self._pass_on(waiter)
            raise StoreUnavailable(
                f"store {self._place}: all {self._size} connections were in use for"
                f" {self._timeout:g} s (pool_size, timeout)"
            ) from None
        except BaseException:
            self._pass_on(waiter)
            raise
        if connection is not None and not connection.is_closed():
            return connection
        if connection is not None:
            self._throw_away(connection)
        return await self._open() if self._places else await self._wait()

    def _pass_on(self, waiter: "asyncio.Future[Any]") -> None:
        """Give up the place in line; a connection that came at the same moment goes on."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(waiter)
        if waiter.done() and not waiter.cancelled():
            connection = waiter.result()
            if connection is None:
                self._wake_one()
            else:
                self.release(connection, broken=connection in self._begun)

    def _throw_away(self, connection: Any) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self._begun.discard(connection)
            self.thrown_away += 1
            connection.terminate()
            self._free_place()

    def _free_place(self) -> None:
        self._places += 1
        self._wake_one()

    def _wake_one(self) -> None:
        """Let whoever is first in line make a connection."""
        while self._waiting and self._places:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


async def _close(connection: Any) -> None:
    try:
        await connection.close(timeout=1.0)
    except Exception:  # noqa: BLE001  it is being thrown away
        connection.terminate()
