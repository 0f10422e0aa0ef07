"""What operators ask a store: queues, dead letters, pauses, parked messages, clean-up."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from actorbus._settlement import Failed
from actorbus._store import (
    DeadLetterFilter,
    DeadLetterGroup,
    DeadLetterRow,
    Outgoing,
    ParkedFilter,
    ParkedMessages,
    QueueStatistics,
    Remembered,
    ScheduleRow,
    SupervisionChange,
    SupervisionRow,
)
from actorbus.consuming._pauses import Pause
from actorbus.stores.sqlite import (
    _dead_letters,
    _failed,
    _once,
    _parking,
    _pauses,
    _replies,
    _retention,
    _schedules,
    _statistics,
    _supervision,
)
from actorbus.stores.sqlite._options import SqliteOptions

T = TypeVar("T")


class Operations(ABC):
    """The part of a store that is not on a message's way. See `actorbus._store.Store`."""

    def __init__(self, options: SqliteOptions) -> None:
        self.options = options
        self._forgotten = 0

    @abstractmethod
    def now(self) -> float:
        """Return the store's wall clock's time."""

    @abstractmethod
    async def _write(
        self, function: Callable[[sqlite3.Cursor], T], ready: set[str] | None = None
    ) -> T: ...

    @abstractmethod
    async def _read(self, function: Callable[[sqlite3.Cursor], T], *, long: bool = False) -> T: ...

    async def statistics(self) -> list[QueueStatistics]:
        """Count what lies in each queue."""
        return await self._read(_statistics.statistics, long=True)

    async def dead_letters(
        self, matching: DeadLetterFilter, *, limit: int = 100, after: int = 0, bodies: bool = True
    ) -> list[DeadLetterRow]:
        """Return a page of dead letters, oldest first."""
        return await self._read(
            lambda cursor: _dead_letters.find(
                cursor, matching, limit=limit, after=after, bodies=bodies
            ),
            long=True,
        )

    async def dead_letter_groups(
        self, matching: DeadLetterFilter, *, limit: int = 1000
    ) -> list[DeadLetterGroup]:
        """Count those that match, of each kind."""
        return await self._read(
            lambda cursor: _dead_letters.groups(cursor, matching, limit=limit), long=True
        )

    async def newest_dead_letter(self) -> int:
        """Return the number of the one that died last."""
        return await self._read(_dead_letters.newest)

    async def failed_message(self, copy_id: str) -> Failed | None:
        """Return where a message comes from that an error channel has."""
        return await self._read(lambda cursor: _failed.find(cursor, copy_id))

    async def count_dead_letters(self, matching: DeadLetterFilter) -> int:
        """Count the dead letters that match."""
        return await self._read(lambda cursor: _dead_letters.count(cursor, matching), long=True)

    async def dead_letter(self, copy_id: str) -> DeadLetterRow:
        """Return one with its history."""
        return await self._read(lambda cursor: _dead_letters.show(cursor, copy_id))

    async def replay(self, matching: DeadLetterFilter, *, limit: int | None = None) -> int:
        """Send dead letters to their original endpoints again."""
        ready: set[str] = set()
        return await self._write(
            lambda cursor: _dead_letters.replay(cursor, matching, self.now(), ready, limit), ready
        )

    async def delete_dead_letters(self, matching: DeadLetterFilter) -> int:
        """Delete dead letters and their histories."""
        ready: set[str] = set()
        return await self._write(
            lambda cursor: _dead_letters.delete(cursor, matching, ready), ready
        )

    async def edit_dead_letter(
        self, copy_id: str, *, body: bytes | None = None, headers: str | None = None
    ) -> None:
        """Replace the body or headers of a dead letter."""
        await self._write(lambda cursor: _dead_letters.edit(cursor, copy_id, body, headers))

    async def pause(self, pause: Pause) -> None:
        """Note a pause."""
        await self._write(lambda cursor: _pauses.pause(cursor, pause))

    async def resume(self, channel: str, endpoint: str = "") -> bool:
        """End a pause; False if none holds."""
        now = self.now()
        return await self._write(lambda cursor: _pauses.resume(cursor, channel, endpoint, now))

    async def pauses(self) -> list[Pause]:
        """Return what is paused now."""
        return await self._read(lambda cursor: _pauses.pauses(cursor, self.now()))

    async def parked(self, matching: ParkedFilter) -> list[ParkedMessages]:
        """Return what is held back, by queue and reason."""
        return await self._read(lambda cursor: _parking.parked(cursor, matching), long=True)

    async def ready_endpoints(self, channel: str) -> list[str]:
        """Return the endpoints that have ready messages on a channel."""
        return await self._read(lambda cursor: _parking.ready_endpoints(cursor, channel))

    async def park(self, channel: str, endpoint: str, reason: str) -> int:
        """Hold an endpoint's ready messages back, some at a time."""
        matching = ParkedFilter(channel=channel, endpoint=endpoint)
        total = 0
        while count := await self._write(lambda cursor: _parking.park(cursor, matching, reason)):
            total += count
        return total

    async def unpark(
        self, matching: ParkedFilter, *, channel: str | None = None, tenant: str | None = None
    ) -> int:
        """Let parked messages go on, some at a time."""
        total = 0
        while count := await self._unpark_some(matching, (channel, tenant)):
            total += count
            if count < _parking.BATCH:
                break
        return total

    async def _unpark_some(self, matching: ParkedFilter, to: tuple[str | None, str | None]) -> int:
        ready: set[str] = set()
        return await self._write(
            lambda cursor: _parking.unpark(cursor, matching, to, self.now(), ready), ready
        )

    async def tenants(self, channel: str, *, limit: int) -> list[str]:
        """Return tenants that have messages on a channel."""
        return await self._read(lambda cursor: _parking.tenants(cursor, channel, limit), long=True)

    async def supervision(self) -> list[SupervisionRow]:
        """Return what was set of the supervision of endpoints."""
        return await self._read(_supervision.supervision)

    async def write_supervision(self, row: SupervisionRow, before: str) -> bool:
        """Set an endpoint's supervision; False if somebody else was first."""
        return await self._write(lambda cursor: _supervision.write(cursor, row, before))

    async def supervision_changes(
        self, endpoint: str = "", *, limit: int = 100
    ) -> list[SupervisionChange]:
        """Return the history, the newest first."""
        return await self._read(lambda cursor: _supervision.changes(cursor, endpoint, limit))

    async def schedules(self) -> list[ScheduleRow]:
        """Return all schedules that were planned here, by name."""
        return await self._read(_schedules.schedules)

    async def write_schedule(self, row: ScheduleRow, ticks: Sequence[Outgoing] = ()) -> bool:
        """Write a schedule with its ticks; False if somebody else was first."""
        ready: set[str] = set()
        return await self._write(
            lambda cursor: _schedules.write(cursor, row, ticks, self.now(), ready), ready
        )

    async def delete_schedule(self, name: str) -> bool:
        """Forget a schedule; False if there was none."""
        return await self._write(lambda cursor: _schedules.delete(cursor, name))

    @property
    def retention(self) -> float:
        """How long deduplication keys are remembered, in seconds, unless a purge says otherwise."""
        return self.options.retention

    async def remembered(self) -> Remembered:
        """Count the deduplication keys that are remembered."""
        forgotten = self._forgotten
        return await self._read(lambda cursor: _once.remembered(cursor, forgotten), long=True)

    async def purge(self, keep: float | None = None) -> int:
        """Forget deduplication keys that are older than the retention, and stale replies."""
        now = self.now()
        before = now - (self.options.retention if keep is None else keep)
        await self._write(lambda cursor: _replies.forget(cursor, now))
        total = 0
        while count := await self._write(lambda cursor: _retention.purge(cursor, before)):
            total += count
            self._forgotten += count
        return total
