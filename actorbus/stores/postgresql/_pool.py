"""A bounded pool of connections. Everything here happens on the drivers' loop.

Rules: (1) who waits is served first come, first served, at most `timeout` seconds; (2) the
connection used last is used next, so that those that are not needed stay cold; (3) one that is
closed, in doubt, or still inside a transaction is thrown away, and made anew when it is needed;
(4) when one was thrown away because it did not answer, the idle ones are closed too: what swallowed
its answers swallows theirs; (5) one that is in a new transaction goes to whoever wants one at once,
or is rolled back.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from actorbus._store import StoreUnavailable
from actorbus.stores.postgresql._begun import Begun
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
        self._begun = Begun(self._roll_back_due)
        self._rolling_back: set[asyncio.Task[None]] = set()
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

    @property
    def wants_begun(self) -> bool:
        """Whether a new transaction would be used at once."""
        return bool(self._waiting) or self._begun.is_worthwhile

    async def acquire(self) -> Any:
        """Return a connection. Raises StoreUnavailable when none is free in time."""
        connection = await self._take()
        if self.is_begun(connection):
            await self._roll_back(connection)
        return connection

    async def acquire_to_begin(self) -> Any:
        """Return one that may be in a new transaction already; ask `is_begun` at once."""
        self._begun.asked()
        return await self._take()

    async def _take(self) -> Any:
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
        """Take back a connection that is in a new transaction; False: it cannot be used."""
        if self._closed or connection.is_closed():
            return False
        self._begun.add(connection)
        if not self._hand_over(connection):
            self._idle.append(connection)
        return True

    def is_begun(self, connection: Any) -> bool:
        """Whether a connection came with a transaction that has just begun. Asked once."""
        return self._begun.discard(connection)

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
        self._begun.stop()
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
            if not connection.is_closed() and not self._begun.is_too_old(connection):
                return connection
            self._throw_away(connection)
        return None

    def _roll_back_due(self) -> None:
        """Roll back the transactions that nobody wanted."""
        for connection in self._begun.due():
            if connection in self._idle:
                self._idle.remove(connection)
                self._begun.discard(connection)
                task = asyncio.get_running_loop().create_task(self._clear(connection))
                self._rolling_back.add(task)
                task.add_done_callback(self._rolling_back.discard)

    async def _clear(self, connection: Any) -> None:
        with contextlib.suppress(Exception):  # it has been thrown away then
            await self._roll_back(connection)
            self.release(connection)

    async def _roll_back(self, connection: Any) -> None:
        """Leave a new transaction. If that fails the connection is thrown away."""
        try:
            await connection.execute("ROLLBACK")
        except BaseException:
            self.release(connection, broken=True)
            raise

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
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(self._timeout, self._waited_too_long, waiter)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            self._pass_on(waiter)
            raise
        finally:
            timer.cancel()
        if connection is not None and not connection.is_closed():
            return connection
        if connection is not None:
            self._throw_away(connection)
        return await self._open() if self._places else await self._wait()

    def _waited_too_long(self, waiter: "asyncio.Future[Any]") -> None:
        if not waiter.done():
            self._waiting.remove(waiter)
            waiter.set_exception(
                StoreUnavailable(
                    f"store {self._place}: all {self._size} connections were in use for"
                    f" {self._timeout:g} s (pool_size, timeout)"
                )
            )

    def _pass_on(self, waiter: "asyncio.Future[Any]") -> None:
        """Give up the place in line; a connection that came at the same moment goes on."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(waiter)
        if waiter.done() and not waiter.cancelled():
            connection = waiter.result()
            if connection is None:
                self._wake_one()
            elif not (self.is_begun(connection) and self.release_begun(connection)):
                self.release(connection)

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
