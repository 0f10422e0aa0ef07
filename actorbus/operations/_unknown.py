"""Messages of endpoints that no process has: parked with that reason, and let go on unasked.

A process looks at the channels that it consumes. What is for its own endpoints, under any of their
names, goes on at once; what no process that lives takes is held back, so that it is listed with
the reason and is in nobody's way. Nothing is lost: the first process that has such an endpoint,
after a deploy or once it names an alias, lets its messages go on when it starts.
"""

from collections.abc import Callable, Mapping, Sequence

import trio

from actorbus._bus_events import MessagesLetGo, MessagesParked
from actorbus._store import ParkedFilter, Store
from actorbus.operations._stranded import UNKNOWN_ENDPOINT, takers
from actors.events import Event


class UnknownEndpoints:
    """Looks for messages of endpoints that this process does not have, or has again."""

    def __init__(
        self,
        store: Store,
        consumed: Callable[[], Mapping[str, Sequence[str]]],
        publish: Callable[[Event], None],
        path: str,
    ) -> None:
        """`consumed` returns the endpoint ids that are taken here, aliases included, by channel."""
        self._store = store
        self._consumed = consumed
        self._publish = publish
        self._path = path

    async def look(self) -> None:
        """Let go on what is for endpoints of this process; park what no process takes."""
        await self.let_go()
        for channel, own in self._consumed().items():
            foreign = set(await self._store.ready_endpoints(channel)) - set(own)
            if foreign:
                await self._park(channel, foreign)

    async def let_go(self) -> None:
        """Have what was parked for endpoints of this process, under any of their names, go on."""
        for held in await self._store.parked(ParkedFilter(reason=UNKNOWN_ENDPOINT)):
            if held.endpoint in self._consumed().get(held.channel, ()):
                matching = ParkedFilter(
                    channel=held.channel, endpoint=held.endpoint, reason=UNKNOWN_ENDPOINT
                )
                count = await self._store.unpark(matching)
                now = trio.current_time()
                if count:
                    self._publish(
                        MessagesLetGo(self._path, now, held.channel, held.endpoint, count)
                    )

    async def _park(self, channel: str, foreign: set[str]) -> None:
        taken = takers(await self._store.processes(), channel)
        if taken is None:  # a process that has just started may have any of them
            return
        for endpoint in sorted(foreign - taken):
            count = await self._store.park(channel, endpoint, UNKNOWN_ENDPOINT)
            event = MessagesParked(
                self._path, trio.current_time(), channel, endpoint, count, UNKNOWN_ENDPOINT
            )
            self._publish(event)
