"""A handler's transaction on the drivers' loop, with a connection from its first statement on.

Rules: (1) one statement at a time; (2) what fails on the server leaves the connection usable, and
the transaction aborted; what fails before anything is sent leaves both usable; (3) a deadline or a
cancellation leaves the connection in doubt: it is thrown away, and the server undoes the
transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from actorbus._store import StoreUnavailable
from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._connections import BEGIN
from actorbus.stores.postgresql._errors import leaves_in_doubt

T = TypeVar("T")

COMMIT: Final = "COMMIT"
COMMIT_AND_BEGIN: Final = "COMMIT; BEGIN"


class Transaction:
    """Begins with its first statement; ends with `commit` or `rollback`."""

    shares = False
    """Whether its commit waits for others."""

    __slots__ = (
        "_access",
        "_begin",
        "_connection",
        "_deadline",
        "_ended",
        "_idle_since",
        "_lock",
        "idle_before",
    )

    def __init__(self, access: Access, begin: str) -> None:
        self._access = access
        self._begin = begin
        self._deadline = access.connections.options.statement_timeout + 1.0
        self._connection: Any = None
        self._ended = False
        self._lock: asyncio.Lock | None = None
        self._idle_since: float | None = None
        self.idle_before = 0.0
        """For how many seconds nothing was done before the last statement."""

    @property
    def connection(self) -> Any:
        """The driver's connection, None before the first statement."""
        return self._connection

    async def execute(self, sql: str, parameters: Sequence[Any]) -> str:
        """Run a statement, or several without parameters; return the command tag."""
        tag: str = await self.call(
            lambda connection: connection.execute(sql, *parameters, timeout=self._deadline)
        )
        return tag

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of `parameters`."""
        await self.call(
            lambda connection: connection.executemany(sql, parameters, timeout=self._deadline)
        )

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Return all rows."""
        rows: list[Any] = await self.call(
            lambda connection: connection.fetch(sql, *parameters, timeout=self._deadline)
        )
        return rows

    async def call(self, function: Callable[[Any], Awaitable[T]]) -> T:
        """Call a function with the connection."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._ended:
                raise StoreUnavailable(f"store {self._access.place}: the transaction is over")
            now = asyncio.get_running_loop().time
            self.idle_before = 0.0 if self._idle_since is None else now() - self._idle_since
            connection = self._connection or await self._open()
            try:
                return await function(connection)
            except BaseException as error:
                if leaves_in_doubt(error):
                    self._abandon()
                raise
            finally:
                self._idle_since = now()

    async def commit(self, function: Callable[[Connection, str], Awaitable[T]]) -> T:
        """Call a function that ends with the statement that it is given, which commits.

        Undo everything if it raises. While more transactions are to be expected, the BEGIN of one
        of them goes with it.
        """
        chained = self._access.handlers.wants_begun and not self._access.connections.pooled
        commit = COMMIT_AND_BEGIN if chained else COMMIT
        try:
            result = await self.call(lambda connection: function(connection, commit))
        except BaseException:
            await self.rollback()
            raise
        if chained and self._connection is not None:
            await self._pass_on()
        else:
            self._give_back()
        return result

    async def _pass_on(self) -> None:
        """Give the connection back, which is in a new transaction."""
        connection = self._connection
        if self._access.handlers.release_begun(connection):
            self._connection = None
            self._ended = True
        else:
            await self.rollback()

    async def rollback(self) -> None:
        """Undo everything. Twice is once."""
        if self._lock is None:
            self._ended = True
            return
        async with self._lock:
            self._ended = True
            if self._connection is None:
                return
            try:
                if not self._connection.is_closed():
                    await self._connection.execute("ROLLBACK")
            except BaseException:
                self._abandon()
                raise
            self._give_back()

    # -- inside -----------------------------------------------------------------------------

    async def _open(self) -> Any:
        connection = await self._access.handlers.acquire_to_begin()
        try:
            if not self._access.handlers.is_begun(connection):
                await connection.execute(self._begin)
            elif self._begin != BEGIN:
                await connection.execute(f"ROLLBACK; {self._begin}")
        except BaseException:
            self._access.handlers.release(connection, broken=True)
            raise
        self._connection = connection
        return connection

    def _give_back(self) -> None:
        self._ended = True
        connection, self._connection = self._connection, None
        if connection is not None:
            self._access.handlers.release(connection)

    def _abandon(self) -> None:
        """Throw the connection away: nobody knows what it is doing."""
        self._ended = True
        connection, self._connection = self._connection, None
        if connection is not None:
            self._access.handlers.release(connection, broken=True)
