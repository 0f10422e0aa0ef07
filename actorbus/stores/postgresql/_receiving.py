"""The part of a PostgreSQL store that a broker's channel needs."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from actorbus._store import Claimed, Received
from actorbus.stores.postgresql import _adopt
from actorbus.stores.postgresql._connection import Connection

T = TypeVar("T")


class _Storing(Protocol):
    """What the store does for its parts."""

    @property
    def process_id(self) -> str: ...
    async def _read(self, function: Callable[[Connection], Awaitable[T]]) -> T: ...
    async def _write(self, function: Callable[[Connection], Awaitable[T]]) -> T: ...
    async def _change(
        self, function: Callable[[Connection], Awaitable[tuple[T, set[str]]]]
    ) -> T: ...


class Receiving:
    """Takes messages of a broker over. See `actorbus._store.Store`."""

    async def receive(
        self: _Storing, group: str, batch: Sequence[Claimed], noting: Collection[str] = ()
    ) -> Received:
        """Take messages from a broker into this process's hands."""
        me = self.process_id
        return await self._write(
            lambda connection: _adopt.receive(connection, me, group, batch, noting)
        )

    async def begun(self: _Storing, group: str) -> Mapping[tuple[str, int], int]:
        """Return how far others may have begun partitions that they did not hand over."""
        me = self.process_id
        return await self._read(lambda connection: _adopt.begun(connection, group, me))

    async def hand_over(
        self: _Storing,
        group: str,
        places: Sequence[tuple[str, int]],
        unstarted: Sequence[Claimed] = (),
        running: Sequence[Claimed] = (),
    ) -> None:
        """Note that partitions were given up in order, and what of them still runs here."""
        me = self.process_id
        await self._write(
            lambda connection: _adopt.hand_over(
                connection, me, group, places, unstarted=unstarted, running=running
            )
        )

    async def adopt(self: _Storing, batch: Sequence[Claimed]) -> int:
        """Store messages that came from a broker; return how many were new."""
        return await self._change(lambda connection: _adopt.adopt(connection, batch))
