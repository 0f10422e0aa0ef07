"""The writer's access to the database: its connection, other programs' locks, other writers."""

import logging
import sqlite3
from math import inf
from random import random
from typing import Final

import trio

from actorbus._store import StoreError, StoreLocked, StoreMissing
from actorbus.stores.sqlite._database import Database
from actorbus.stores.sqlite._errors import is_busy, needs_new_connection, outage
from actorbus.stores.sqlite._options import SqliteOptions
from actorbus.stores.sqlite._session import Session
from actorbus.stores.sqlite._threads import Threads

_FIRST_PAUSE: Final = 0.0002
_LONGEST_PAUSE: Final = 0.01
_BESIDE_OTHERS: Final = 1.0
"""Seconds for which another process counts as an active writer after it was noticed."""
_GAP: Final = 0.002
"""Longest pause after a commit beside another active writer, so that it gets its turn."""

_log = logging.getLogger("actorbus.store")


class Access:
    """Connects, begins write transactions, and notices who else does."""

    def __init__(self, database: Database, options: SqliteOptions, threads: Threads) -> None:
        self.session: Session | None = None
        self._database = database
        self._options = options
        self._threads = threads
        self._path = database.path
        self._data_version = -1
        self._changed = False
        self._others_until = 0.0
        self._not_before = 0.0
        self._latest = inf

    def hurry(self, seconds: float) -> None:
        """Wait for no lock beyond this time from now on, since the store is being closed."""
        self._latest = trio.current_time() + seconds

    async def connect(self) -> None:
        """Connect, if there is no connection. Raises StoreError."""
        if self.session is None:
            await self._connect(self._deadline())

    def may_begin_at_once(self) -> bool:
        """Whether there is a connection, and no other writer to be let in first."""
        return self.session is not None and trio.current_time() >= self._not_before

    def try_to_begin(self) -> bool:
        """Begin a write transaction; False if that needs waiting. Raises StoreUnavailable."""
        session = self.session
        if session is None:
            return False
        try:
            self._database.check_identity()
            session.unlimited()
            session.begin_immediate()
            self._notice_others(session)
        except sqlite3.Error as error:
            if is_busy(error):
                return False
            self.undo(error)
            raise outage(error, self._path) from error
        except StoreMissing:
            self.disconnect()
            return False
        return True

    async def begin(self) -> None:
        """Begin a write transaction, waiting for others. Raises StoreError after `lock_timeout`."""
        deadline = self._deadline()
        await trio.sleep_until(self._not_before)
        pause = _FIRST_PAUSE
        while True:
            if self.session is None:
                await self._connect(deadline)
            if self.try_to_begin():
                return
            self._check_deadline(deadline)
            pause = await _wait(pause)

    def committed(self) -> None:
        """Leave a gap for other writers, if there are any."""
        now = trio.current_time()
        self._not_before = now + _GAP * random() if now < self._others_until else 0.0

    def check_identity(self) -> None:
        """Raise StoreMissing if the file that was written to is no longer at its path."""
        self._database.check_identity()

    def look_around(self) -> None:
        """Notice other writers' commits, outside of a transaction. Raises StoreUnavailable."""
        if self.session is None:
            return
        try:
            self._notice_others(self.session)
        except sqlite3.Error as error:
            self.undo(error)
            raise outage(error, self._path) from error

    def take_changed(self) -> bool:
        """Return whether another process committed something since the last call."""
        changed, self._changed = self._changed, False
        return changed

    def undo(self, error: Exception) -> None:
        """Undo the transaction, and drop a connection that cannot be trusted any more."""
        if self.session is None:
            return
        if not isinstance(error, StoreError) and not needs_new_connection(error):
            try:
                self.session.returned()
                self.session.rollback()
            except sqlite3.Error:
                _log.warning("store %s: could not roll back, connecting anew", self._path)
            else:
                return
        self.disconnect()

    def disconnect(self) -> None:
        """Close the connection, with what is open on it undone."""
        session, self.session = self.session, None
        self._data_version = -1
        if session is not None:
            session.close()

    # -- inside -----------------------------------------------------------------------------

    def _notice_others(self, session: Session) -> None:
        (version,) = session.cursor.execute("PRAGMA data_version").fetchone()
        if version != self._data_version:
            if self._data_version >= 0:
                self._others_until = trio.current_time() + _BESIDE_OTHERS
                self._changed = True
            self._data_version = version

    async def _connect(self, deadline: float) -> None:
        pause = _FIRST_PAUSE
        while self.session is None:
            try:
                self.session = await self._threads.run(self._database.open_writer)
            except StoreLocked:
                if trio.current_time() > min(deadline, self._latest):
                    raise
                pause = await _wait(pause)

    def _deadline(self) -> float:
        return trio.current_time() + self._options.lock_timeout

    def _check_deadline(self, deadline: float) -> None:
        if trio.current_time() > min(deadline, self._latest):
            raise StoreLocked(
                f"store {self._path} is locked by another program for more than"
                f" {self._options.lock_timeout:g} s (lock_timeout)"
            )


async def _wait(pause: float) -> float:
    """Wait about so long; return how long to wait the next time."""
    await trio.sleep(pause * (0.5 + random()))
    return min(pause * 1.5, _LONGEST_PAUSE)
