"""One `send_many`: the loop over its items in the caller's world, in batches."""

from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

from actorbus._calls import Answer, Done
from actorbus._errors import InvalidSendOption
from actorbus.gateways._gateway import Letter
from actorbus.gateways._way import Way
from actorbus.options._options import SendOptions
from actorbus.transactions._unit_of_work import UnitOfWork

T = TypeVar("T")


class SendChunk(Protocol):
    """What sends one batch, on the trio side, and returns how many were new."""

    def __call__(self, many: "Many", chunk: Sequence[Any], offset: int, /) -> Answer[int]: ...


class Many:
    """The settings of one `send_many`."""

    __slots__ = ("_send", "options", "unit", "way")

    def __init__(
        self, send: SendChunk, way: Way, options: SendOptions, unit: UnitOfWork | None
    ) -> None:
        self._send = send
        self.way = way
        self.options = options
        self.unit = unit

    def opened(self, item: Any) -> tuple[Any, SendOptions]:
        """Return an item's message, and its options with those of all of them behind."""
        if isinstance(item, Letter):
            return item.message, {**self.options, **item.options}
        return item, self.options

    def on_a_thread(self, items: Iterable[Any] | AsyncIterable[Any], batch: int) -> Answer[int]:
        """Send them from a plain thread."""
        if isinstance(items, AsyncIterable):
            raise InvalidSendOption("an async iterable cannot be read on a plain thread")
        sent = offset = 0
        for chunk in _chunks(items, batch):
            sent += self._send(self, chunk, offset).get()
            offset += len(chunk)
        return Done(sent)

    async def awaited(self, items: Iterable[Any] | AsyncIterable[Any], batch: int) -> int:
        """Send them from a task, under trio or asyncio."""
        sent = offset = 0
        if isinstance(items, AsyncIterable):
            chunk: list[Any] = []
            async for item in items:
                chunk.append(item)
                if len(chunk) == batch:
                    sent += await self._send(self, chunk, offset)
                    offset, chunk = offset + len(chunk), []
            return sent + await self._send(self, chunk, offset)
        for part in _chunks(items, batch):
            sent += await self._send(self, part, offset)
            offset += len(part)
        return sent


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
