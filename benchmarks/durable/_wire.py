"""What goes over the wire to PostgreSQL, counted by a proxy that reads the server's answers.

A statement ends with CommandComplete, or PortalSuspended where only its first row was wanted, and a
round trip with ReadyForQuery. That is exact, and does not depend on how fast anything is.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

CHUNK = 1 << 16
HEADER = 5
"""A message's type, one byte, and its length, four bytes that count themselves."""
DONE, SUSPENDED, ROUND_TRIP = ord("C"), ord("s"), ord("Z")

SSL_REQUEST = (80_877_103).to_bytes(4, "big")
"""What a client asks first that would like encryption; it is told no, and goes on without."""


@dataclass(slots=True)
class Wire:
    """How many answers of each kind have passed so far."""

    url: str
    """Of the same database, through here."""
    seen: Counter[int] = field(default_factory=Counter)

    @property
    def statements(self) -> int:
        return self.seen[DONE] + self.seen[SUSPENDED]

    @property
    def round_trips(self) -> int:
        return self.seen[ROUND_TRIP]


@contextmanager
def counted(url: str) -> Iterator[Wire]:
    """Give a way to the database at `url` on which the server's answers are counted."""
    parts = urlsplit(url)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    wire = Wire("")
    try:
        proxy = _Proxy(parts.hostname or "", parts.port or 5432, wire.seen)
        port = asyncio.run_coroutine_threadsafe(proxy.start(), loop).result()
        user = f"{parts.username}@" if parts.username else ""
        wire.url = urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{port}"))
        yield wire
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Proxy:
    def __init__(self, host: str, port: int, seen: Counter[int]) -> None:
        self._server = (host, port)
        self._seen = seen
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._connect(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(*self._server)
        try:
            first = await _startup(reader, writer)
            to_writer.write(first)
            async with asyncio.TaskGroup() as group:
                group.create_task(_forward(reader, to_writer))
                group.create_task(self._back(to_reader, writer))
        except* ConnectionError:
            pass  # one of them went away: the other's stream ends with it
        finally:
            to_writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = _Messages(self._seen)
        while data := await reader.read(CHUNK):
            messages.feed(data)
            writer.write(data)
            await writer.drain()
        writer.close()


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return the client's first message, which has no type."""
    while True:
        length = await reader.readexactly(4)
        rest = await reader.readexactly(int.from_bytes(length, "big") - 4)
        if rest[:4] != SSL_REQUEST:
            return length + rest
        writer.write(b"N")


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()


class _Messages:
    """Counts the types of the messages in a stream that comes in pieces."""

    def __init__(self, seen: Counter[int]) -> None:
        self._seen = seen
        self._rest = b""
        self._skip = 0

    def feed(self, data: bytes) -> None:
        data, at = self._rest + data, self._skip
        while at + HEADER <= len(data):
            self._seen[data[at]] += 1
            at += 1 + int.from_bytes(data[at + 1 : at + HEADER], "big")
        self._skip = max(0, at - len(data))
        self._rest = data[at:]
