"""What operators ask the PostgreSQL store: queues, dead letters, pauses, parked messages, clean-up.

What touches many rows does so a batch at a time, each in a transaction of its own, so that nobody
waits long for a lock and vacuum is not held up. A batch that was committed stays, should a later
one fail.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

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
    StoredReply,
    SupervisionChange,
    SupervisionRow,
)
from actorbus.consuming._pauses import Pause
from actorbus.stores.postgresql import (
    _dead_letters,
    _failed,
    _parking,
    _pauses,
    _replies,
    _retention,
    _schedules,
    _statistics,
    _supervision,
)
from actorbus.stores.postgresql._connection import Connection

T = TypeVar("T")
Work = Callable[
    [Connection, DeadLetterFilter, int, int], Awaitable[tuple[_dead_letters.Batch, set[str]]]
]
"""What is done to a batch of dead letters: so many, behind a number."""


class Operations(ABC):
    """The part of a store that is not on a message's way. See `actorbus._store.Store`."""

    def __init__(self, retention: float) -> None:
        self._retention = retention
        self._forgotten = 0

    @abstractmethod
    async def _write(
        self, function: Callable[[Connection], Awaitable[T]], ready: set[str] | None = None
    ) -> T:
        """Run a function in a transaction; after the commit tell of the channels in `ready`."""

    @abstractmethod
    async def _read(
        self, function: Callable[[Connection], Awaitable[T]], *, long: bool = False
    ) -> T: ...

    async def _change(self, function: Callable[[Connection], Awaitable[tuple[T, set[str]]]]) -> T:
        """Write what makes messages ready, and tell of it after the commit."""
        ready: set[str] = set()

        async def change(connection: Connection) -> T:
            result, channels = await function(connection)
            ready.update(channels)
            return result

        return await self._write(change, ready)

    async def statistics(self) -> list[QueueStatistics]:
        """Count what lies in each queue."""
        return await self._read(_statistics.statistics, long=True)

    # -- dead letters -----------------------------------------------------------------------

    async def dead_letters(
        self, matching: DeadLetterFilter, *, limit: int = 100, after: int = 0, bodies: bool = True
    ) -> list[DeadLetterRow]:
        """Return a page of dead letters, oldest first."""
        return await self._read(
            lambda connection: _dead_letters.find(
                connection, matching, limit=limit, after=after, bodies=bodies
            ),
            long=True,
        )

    async def dead_letter_groups(
        self, matching: DeadLetterFilter, *, limit: int = 1000
    ) -> list[DeadLetterGroup]:
        """Count those that match, of each kind."""
        return await self._read(
            lambda connection: _dead_letters.groups(connection, matching, limit=limit), long=True
        )

    async def newest_dead_letter(self) -> int:
        """Return the number of the one that died last."""
        return await self._read(_dead_letters.newest)

    async def failed_message(self, copy_id: str) -> Failed | None:
        """Return where a message comes from that an error channel has."""
        return await self._read(lambda connection: _failed.find(connection, copy_id))

    async def count_dead_letters(self, matching: DeadLetterFilter) -> int:
        """Count the dead letters that match."""
        return await self._read(
            lambda connection: _dead_letters.count(connection, matching), long=True
        )

    async def dead_letter(self, copy_id: str) -> DeadLetterRow:
        """Return one with its history."""
        return await self._read(lambda connection: _dead_letters.show(connection, copy_id))

    async def replay(self, matching: DeadLetterFilter, *, limit: int | None = None) -> int:
        """Send dead letters to their original endpoints again, some at a time.

        Those that die again meanwhile are not sent a second time.
        """
        return await self._in_batches(_dead_letters.replay, matching, limit)

    async def delete_dead_letters(self, matching: DeadLetterFilter) -> int:
        """Delete dead letters and their histories, some at a time."""
        return await self._in_batches(_dead_letters.delete, matching, None)

    async def _in_batches(
        self,
        work: Work,
        matching: DeadLetterFilter,
        limit: int | None,
    ) -> int:
        """Do that to the dead letters that are there now and match, to the oldest `limit`."""
        last = await self.newest_dead_letter()
        up_to = last if matching.up_to is None else min(last, matching.up_to)
        matching = msgspec.structs.replace(matching, up_to=up_to)
        total = after = 0
        while limit is None or total < limit:
            some = _dead_letters.BATCH if limit is None else min(limit - total, _dead_letters.BATCH)
            count, after = await self._change(_with(work, matching, some, after))
            total += count
            if count < some:
                break
        return total

    async def edit_dead_letter(
        self, copy_id: str, *, body: bytes | None = None, headers: str | None = None
    ) -> None:
        """Replace the body or headers of a dead letter."""
        await self._write(lambda connection: _dead_letters.edit(connection, copy_id, body, headers))

    # -- pauses, and what is held back ------------------------------------------------------

    async def pause(self, pause: Pause) -> None:
        """Note a pause."""
        await self._write(lambda connection: _pauses.pause(connection, pause))

    async def resume(self, channel: str, endpoint: str = "") -> bool:
        """End a pause; False if none holds."""
        return await self._write(lambda connection: _pauses.resume(connection, channel, endpoint))

    async def pauses(self) -> list[Pause]:
        """Return what is paused now."""
        return await self._read(_pauses.pauses)

    async def parked(self, matching: ParkedFilter) -> list[ParkedMessages]:
        """Return what is held back, by queue and reason."""
        return await self._read(lambda connection: _parking.parked(connection, matching), long=True)

    async def ready_endpoints(self, channel: str) -> list[str]:
        """Return the endpoints that have ready messages on a channel."""
        return await self._read(lambda connection: _parking.ready_endpoints(connection, channel))

    async def park(self, channel: str, endpoint: str, reason: str) -> int:
        """Hold an endpoint's ready messages back, some at a time."""
        matching = ParkedFilter(channel=channel, endpoint=endpoint)
        total = 0
        while count := await self._write(
            lambda connection: _parking.park(connection, matching, reason)
        ):
            total += count
        return total

    async def unpark(
        self, matching: ParkedFilter, *, channel: str | None = None, tenant: str | None = None
    ) -> int:
        """Let parked messages go on, some at a time."""
        to = channel, tenant
        total = 0
        while count := await self._change(
            lambda connection: _parking.unpark(connection, matching, to)
        ):
            total += count
            if count < _parking.BATCH:
                break
        return total

    async def tenants(self, channel: str, *, limit: int) -> list[str]:
        """Return tenants that have messages on a channel."""
        return await self._read(
            lambda connection: _parking.tenants(connection, channel, limit), long=True
        )

    # -- supervision ------------------------------------------------------------------------

    async def supervision(self) -> list[SupervisionRow]:
        """Return what was set of the supervision of endpoints."""
        return await self._read(_supervision.supervision)

    async def write_supervision(self, row: SupervisionRow, before: str) -> bool:
        """Set an endpoint's supervision; False if somebody else was first."""
        return await self._write(lambda connection: _supervision.write(connection, row, before))

    async def supervision_changes(
        self, endpoint: str = "", *, limit: int = 100
    ) -> list[SupervisionChange]:
        """Return the history, the newest first."""
        return await self._read(
            lambda connection: _supervision.changes(connection, endpoint, limit)
        )

    # -- schedules, replies -----------------------------------------------------------------

    async def schedules(self) -> list[ScheduleRow]:
        """Return all schedules that were planned here, by name."""
        return await self._read(_schedules.schedules)

    async def write_schedule(self, row: ScheduleRow, ticks: Sequence[Outgoing] = ()) -> bool:
        """Write a schedule with its ticks; False if somebody else was first."""
        return await self._change(lambda connection: _schedules.write(connection, row, ticks))

    async def delete_schedule(self, name: str) -> bool:
        """Forget a schedule; False if there was none."""
        return await self._write(lambda connection: _schedules.delete(connection, name))

    async def _take_replies(self, process_id: str, limit: int) -> list[StoredReply]:
        """Fetch answers for a process."""
        return await self._write(lambda connection: _replies.take(connection, process_id, limit))

    # -- clean-up ---------------------------------------------------------------------------

    @property
    def retention(self) -> float:
        """How long deduplication keys are remembered, in seconds, unless a purge says otherwise."""
        return self._retention

    async def remembered(self) -> Remembered:
        """Count the deduplication keys that are remembered."""
        forgotten = self._forgotten
        return await self._read(
            lambda connection: _retention.remembered(connection, forgotten), long=True
        )

    async def purge(self, keep: float | None = None) -> int:
        """Forget deduplication keys that are older than the retention, and stale replies."""
        while await self._write(_replies.forget) == _replies.BATCH:
            pass
        seconds = self._retention if keep is None else keep
        done = _retention.Purged(0, (0, 0))
        total = 0
        while (done := await self._write(_forgetting(seconds, done.behind))).keys:
            total += done.keys
            self._forgotten += done.keys
        return total


def _with(
    work: Work, matching: DeadLetterFilter, limit: int, after: int
) -> Callable[[Connection], Awaitable[tuple[_dead_letters.Batch, set[str]]]]:
    return lambda connection: work(connection, matching, limit, after)


def _forgetting(
    keep: float, behind: tuple[int, ...]
) -> Callable[[Connection], Awaitable[_retention.Purged]]:
    return lambda connection: _retention.purge(connection, keep, behind)
