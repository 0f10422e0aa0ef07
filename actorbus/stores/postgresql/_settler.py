"""Settlements outside of handlers' transactions: collected, and written many at a time.

Rules: (1) one batch is under way at a time; what comes meanwhile is the next one; (2) an outage
keeps them: they are written when the database is back, after a backoff; (3) what the database
refuses although it works is given back to whoever queued it, alone: a batch that is refused is
halved until what is to blame is found; (4) their number is bounded by the messages that this
process holds.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from random import random
from typing import Final, NamedTuple

from actorbus._driver_thread import DriverThread
from actorbus._settlement import Settlement
from actorbus._store import Claimed, StaleClaim, StoreClosed, StoreUnavailable
from actorbus.stores.postgresql import _settle
from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._errors import as_outage, is_anothers_doing, is_outage
from actorbus.stores.postgresql._finishing import tell
from supervisors import Backoff

MOST: Final = 1000
"""Settlements in one transaction."""
_BACKOFF: Final = Backoff(initial=0.05, maximum=5.0)


class QueuedSettlement(NamedTuple):
    """A settlement, and who is told."""

    claimed: Claimed
    settlement: Settlement
    on_commit: Callable[[], None]
    on_lost: Callable[[StoreUnavailable | StaleClaim], None]


class Settler:
    """Writes queued settlements."""

    def __init__(
        self, drivers: DriverThread, access: Access, told_ready: Callable[[set[str]], None]
    ) -> None:
        self._drivers = drivers
        self._access = access
        self._told_ready = told_ready
        self._queue: deque[QueuedSettlement] = deque()
        self._is_awake = False
        self._news: asyncio.Event | None = None
        self._hurry: asyncio.Event | None = None
        self._writing = asyncio.Lock()
        self.stale = 0
        """Settlements that came too late, so far."""

    @property
    def waiting(self) -> int:
        """How many are queued."""
        return len(self._queue)

    def put(self, queued: QueuedSettlement) -> None:
        """Write a settlement soon. Trio side."""
        self._queue.append(queued)
        if not self._is_awake:
            self._is_awake = True
            self._drivers.call_soon(self._wake)

    def release(self, messages: list[Claimed], settlement: Settlement) -> None:
        """Write a settlement that nobody waits for. Trio side."""
        for claimed in messages:
            self.put(QueuedSettlement(claimed, settlement, _nobody, _nobody))

    def fail_rest(self, error: StoreUnavailable) -> None:
        """Tell those that were not written. Trio side, when the loop serves no more."""
        while self._queue:
            tell(self._queue.popleft().on_lost, error)

    # -- on the drivers' loop ---------------------------------------------------------------

    async def serve(self) -> None:
        """Write what is queued until cancelled."""
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        failures = 0
        while True:
            if not self._queue:
                await self._news.wait()
                await asyncio.sleep(0)  # those that are handled at this moment go with it
            self._news.clear()
            self._is_awake = False  # before looking: what comes from now on wakes again
            while self._queue:
                failures = 0 if await self._write_some() else failures + 1
                if failures:
                    await self._rest(_BACKOFF.delay(failures, random()))

    async def flush(self) -> None:
        """Write what is queued, once, without a backoff: the store is being closed."""
        async with self._writing:  # what is on its way
            pass
        while self._queue and await self._write_some():
            pass

    def hurry(self) -> None:
        """End a backoff: the database has shown a sign of life."""
        if self._hurry is not None:
            self._hurry.set()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()

    async def _rest(self, seconds: float) -> None:
        assert self._hurry is not None  # noqa: S101  set by serve
        self._hurry.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _write_some(self) -> bool:
        """Write a batch; False if the database is not there. Those in the batch are told."""
        async with self._writing:
            return await self._write_next()

    async def _write_next(self) -> bool:
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), MOST))]
        parts = deque([batch])
        try:
            while parts:
                refusal = await self._write_part(parts[0])
                part = parts.popleft()
                if refusal is not None and len(part) > 1:
                    middle = len(part) // 2
                    parts.extendleft((part[middle:], part[:middle]))
                elif refusal is not None:
                    self._drivers.tell(self._refused, part[0], refusal)
        except _Away:
            return False
        finally:
            self._queue.extendleft(queued for part in reversed(parts) for queued in reversed(part))
        return True

    async def _write_part(self, batch: list[QueuedSettlement]) -> StoreUnavailable | None:
        """Write all of them, or none and say why; raises _Away if nothing can be written now."""
        work = [(queued.claimed, queued.settlement) for queued in batch]

        async def settle(connection: Connection) -> tuple[set[int], set[str]]:
            return await _settle.settle_batch(connection, work)

        try:
            whole = _settle.is_one_statement(work)
            access = self._access.run if whole else self._access.write
            stale, ready = await access(settle)
        except Exception as error:
            if is_outage(error, self._access.place) or is_anothers_doing(error):
                raise _Away from error
            return as_outage(error, self._access.place)
        self._drivers.tell(self._written, batch, stale, ready)
        return None

    # -- on the trio side -------------------------------------------------------------------

    def _written(self, batch: list[QueuedSettlement], stale: set[int], ready: set[str]) -> None:
        self.stale += len(stale)
        for place, queued in enumerate(batch):
            if place in stale:
                tell(queued.on_lost, StaleClaim(f"copy {queued.claimed.copy_id} was taken back"))
            else:
                tell(queued.on_commit)
        if ready:
            self._told_ready(ready)

    def _refused(self, queued: QueuedSettlement, error: StoreUnavailable) -> None:
        tell(queued.on_lost, error)


class _Away(Exception):
    """The database is not there, or another transaction was in the way: try again."""


def closed(place: str) -> StoreUnavailable:
    """Return what those are told whose settlements could not be written any more."""
    return StoreClosed(f"store {place} was closed")


def _nobody(*_: object) -> None:
    """Wait for nothing: the message belongs to nobody here."""
