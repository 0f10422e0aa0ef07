"""A TCP proxy for tests: forwards, holds, delays, drops; on a loop in a thread of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self

from tests.services._ports import HOST

CHUNK = 65_536


class Proxy:
    """Stands before a server: clients connect to `port` and reach the server while it forwards.

    Everything may be called from any thread, and has happened when the call returns.
    """

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self._target = target
        self._wanted = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._forwarding = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.delay = 0.0
        """Seconds that each piece of data waits, in both directions."""
        self.port = 0
        self.accepted = 0
        """How many connections there were, also those that are gone."""

    @property
    def address(self) -> str:
        """HOST:PORT for clients."""
        return f"{HOST}:{self.port}"

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def start(self) -> Self:
        """Accept connections and forward."""
        self._thread.start()
        self._run(self._listen)
        return self

    def forward(self) -> None:
        """Forward, again, also what was held meanwhile."""
        self._run(self._set_forwarding, True)

    def hold(self) -> None:
        """Forward nothing in either direction, close nothing, and go on accepting: a dead link."""
        self._run(self._set_forwarding, False)

    def drop(self) -> None:
        """Reset all connections, as a server that is gone would; new ones are accepted."""
        self._run(self._drop)

    def close(self) -> None:
        """Reset all connections and listen no more."""
        self._run(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, function: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
        asyncio.run_coroutine_threadsafe(function(*arguments), self._loop).result(30)

    async def _listen(self) -> None:
        self._forwarding.set()
        self._server = await asyncio.start_server(self._accept, HOST, self._wanted)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set_forwarding(self, forwarding: bool) -> None:
        if forwarding:
            self._forwarding.set()
        else:
            self._forwarding.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(self, writer)
        self._connections.add(connection)
        try:
            await connection.serve(reader, self._target)
        finally:
            self._connections.discard(connection)
            connection.ended.set()

    async def pass_on(self) -> None:
        """Wait as long as a piece of data has to."""
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._forwarding.wait()

    async def _drop(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.reset()
        await asyncio.gather(*(connection.ended.wait() for connection in connections))

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._drop()
        await self._server.wait_closed()


class _Connection:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writers = [client]
        self._task = asyncio.current_task()
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, target: tuple[str, int]) -> None:
        """Forward in both directions until either side closes or it is reset."""
        client = self._writers[0]
        try:
            await self._proxy.pass_on()
            reply, server = await asyncio.open_connection(*target)
            self._writers.append(server)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(reader, server))
                both.create_task(self._forward(reply, client))
        except* (OSError, asyncio.CancelledError):
            pass  # the server is not there, one side reset the connection, or we do
        finally:
            self._close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one direction; its end is told to the other side, which may still answer."""
        while data := await reader.read(CHUNK):
            await self._proxy.pass_on()
            writer.write(data)
            await writer.drain()
        await self._proxy.pass_on()
        with contextlib.suppress(OSError):  # the other side is gone too
            writer.write_eof()

    def reset(self) -> None:
        """Close both with a reset, at once."""
        for writer in self._writers:
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        assert self._task is not None
        self._task.cancel()

    def _close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


LINGER_NOT = b"\x01\0\0\0\0\0\0\0"
"""struct linger {1, 0}: closing sends a reset."""
