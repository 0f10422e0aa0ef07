"""Copies that are sent outside of transactions: those of many senders in one statement.

Rules: (1) one batch is under way at a time; what comes meanwhile is the next one, so that a single
sender waits for its own statement only; (2) only copies that are counted without asking are put
together: those with a deduplication key go alone; (3) when a batch fails that is several senders',
each of them is stored alone, so that each hears of its own mistake only.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from actorbus._store import Outgoing, StoreClosed, StoreError
from actorbus.stores.postgresql import _append
from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._errors import anew, is_outage

MOST: Final = 1000
"""Copies in one statement, if they come from several senders."""

Stored = tuple[int, set[str]]
"""How many copies were new, and the channels that have work now."""


class _Queued(NamedTuple):
    copies: Sequence[Outgoing]
    stored: "asyncio.Future[Stored]"


class Appender:
    """Stores copies. Everything here happens on the drivers' loop."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._queue: deque[_Queued] = deque()
        self._task: asyncio.Task[None] | None = None

    async def append(self, copies: Sequence[Outgoing]) -> Stored:
        """Store copies; return when they are committed. If cancelled: all are stored, or none."""
        if not all(map(_is_counted, copies)):
            return await self._store(copies)
        queued = _Queued(copies, asyncio.get_running_loop().create_future())
        self._queue.append(queued)
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        return await queued.stored

    async def stop(self) -> None:
        """Store nothing more; who waits is told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self) -> None:
        """Store what is queued, until nothing is."""
        batch: list[_Queued] = []
        try:
            while self._queue:
                batch = self._next_batch()
                await self._store_together(batch)
        finally:
            self._task = None
            for queued in (*batch, *self._queue):
                if not queued.stored.done():
                    queued.stored.set_exception(
                        StoreClosed(f"store {self._access.place} was closed")
                    )

    def _next_batch(self) -> list[_Queued]:
        batch = [self._queue.popleft()]
        count = len(batch[0].copies)
        while self._queue and (count := count + len(self._queue[0].copies)) <= MOST:
            batch.append(self._queue.popleft())
        return batch

    async def _store_together(self, batch: list[_Queued]) -> None:
        try:
            _, ready = await self._store([copy for queued in batch for copy in queued.copies])
        except Exception as error:  # noqa: BLE001  told to those whose it is
            if len(batch) == 1 or is_outage(error, self._access.place):
                for queued in batch:
                    _tell(queued, error)
            else:
                for queued in batch:
                    await self._store_together([queued])
        else:
            for queued in batch:
                if not queued.stored.done():
                    queued.stored.set_result((len(queued.copies), ready))

    async def _store(self, copies: Sequence[Outgoing]) -> Stored:
        async def store(connection: Connection) -> Stored:
            return await _append.append(connection, copies)

        if any(copy.failed is not None for copy in copies):  # it takes more than one statement
            return await self._access.write(store)
        return await self._access.run(store)


def _is_counted(copy: Outgoing) -> bool:
    return copy.deduplication_key is None and copy.failed is None


def _tell(queued: _Queued, error: Exception) -> None:
    if not queued.stored.done():
        queued.stored.set_exception(anew(error) if isinstance(error, StoreError) else error)
