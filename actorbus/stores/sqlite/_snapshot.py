"""Reading connections: a snapshot for a query handler, short reads for the store itself."""

import sqlite3
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import trio

from actorbus._store import (
    Parameters,
    Row,
    StatementRefused,
    StoreError,
    TransactionTooLong,
    TurnEnded,
)
from actorbus.stores.sqlite._database import Database
from actorbus.stores.sqlite._errors import (
    code,
    needs_new_connection,
    outage,
    translate,
    was_refused,
)
from actorbus.stores.sqlite._guard import NOT_ASKED
from actorbus.stores.sqlite._options import SqliteOptions
from actorbus.stores.sqlite._session import Session
from actorbus.stores.sqlite._threads import Threads

T = TypeVar("T")


class Readers:
    """A pool of reading connections, opened when needed, a few kept."""

    _KEPT = 4

    def __init__(self, database: Database, options: SqliteOptions, *, inline: bool) -> None:
        self.options = options
        self.path = database.path
        self._database = database
        self._threads = Threads(options.max_readers, inline=inline)
        self._idle: list[Session] = []
        self._places = trio.Semaphore(options.max_readers)

    async def take(self) -> Session:
        """Take a connection, waiting for one if too many are in use."""
        await self._places.acquire()
        try:
            return self._reuse() or self._database.open_reader()
        except BaseException as error:
            self._places.release()
            if isinstance(error, StoreError):
                self.close()
            raise

    def give_back(self, session: Session, *, broken: bool = False) -> None:
        """Give a connection back; a broken one is closed."""
        session.unlimited()
        try:
            session.returned()
            session.rollback()
        except sqlite3.Error:
            broken = True
        if broken or len(self._idle) >= self._KEPT:
            session.close()
        else:
            self._idle.append(session)
        self._places.release()

    async def read(self, function: Callable[[sqlite3.Cursor], T], *, long: bool = False) -> T:
        """Call the store's own code with a cursor; `long` ones off the event loop's thread."""
        session = await self.take()
        broken = True
        try:
            session.unlimited()
            result = await self._call(lambda: function(session.cursor), long=long)
            broken = False
        except sqlite3.Error as error:
            raise outage(error, self.path) from error
        finally:
            self.give_back(session, broken=broken)
        return result

    async def on_thread(self, function: Callable[[], T]) -> T:
        """Run a blocking function where it cannot hold up the run loop. Not cancelled."""
        return await self._call(function, long=True)

    def close(self) -> None:
        """Close the idle connections; those in use are closed when given back."""
        idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _reuse(self) -> Session | None:
        """Return an idle connection to the file that is there now, closing those to another."""
        self._database.check_identity()
        while self._idle:
            session = self._idle.pop()
            if session.inode == self._database.inode:
                return session
            session.close()
        return None

    async def _call(self, function: Callable[[], T], *, long: bool) -> T:
        return await self._threads.run(function) if long else function()


class Snapshot:
    """See `actorbus._store.ReadTransaction`."""

    def __init__(self, readers: Readers, session: Session, owner: str) -> None:
        self._readers = readers
        self._session: Session | None = session
        self._owner = owner
        self._broken = False
        session.unlimited()
        session.begin()
        session.cursor.execute("SELECT count(*) FROM actorbus_schema").fetchall()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._readers.give_back(session, broken=self._broken)

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows."""
        session = self._open()
        options = self._readers.options
        if sql not in session.slow:
            try:
                return session.fetch(sql, parameters, options.inline_limit)
            except sqlite3.Error as error:
                if code(error) != sqlite3.SQLITE_INTERRUPT:
                    self._raise(error)
        try:
            return await self._readers.on_thread(
                lambda: session.fetch(sql, parameters, options.read_limit)
            )
        except sqlite3.Error as error:
            self._raise(error)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        rows = await self.fetch(sql, parameters)
        return rows[0] if rows else None

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the sqlite3 module; it refuses to write."""
        return self._open().lend()

    def _open(self) -> Session:
        if self._session is None:
            raise TurnEnded(f"{self._owner}: this transaction is over")
        return self._session

    def _raise(self, error: sqlite3.Error) -> NoReturn:
        if was_refused(error):
            reason = self._open().guard.refused or NOT_ASKED
            raise StatementRefused(f"{self._owner}: {reason}") from error
        if code(error) == sqlite3.SQLITE_READONLY:
            raise StatementRefused(f"{self._owner}: a query handler only reads") from error
        if code(error) == sqlite3.SQLITE_INTERRUPT:
            limit = self._readers.options.read_limit
            raise TransactionTooLong(f"{self._owner}: read for more than {limit:g} s") from error
        self._broken = needs_new_connection(error)
        trouble = translate(error, self._readers.path)
        if trouble is not None:
            raise trouble from error
        raise error
