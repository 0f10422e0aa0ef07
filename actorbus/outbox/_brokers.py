"""The brokers of a running bus: each is made and started when it is first needed."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

import trio

from actorbus._store import Claimed, Outgoing
from actorbus.channels._broker import Broker, BrokerUnavailable
from actorbus.declaring._broker_channel import BrokerChannel
from actorbus.declaring._channel import Channel

Outcomes = list[Exception | None]


class Drivers(Protocol):
    """The thread that drivers live on; see `DriverThread`."""

    async def start(self) -> None:
        """Start it, unless it runs."""
        ...

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call an async function there and wait for it."""
        ...


class Brokers:
    """Publishes messages, each batch at one broker. Used on the trio side."""

    def __init__(
        self,
        channels: Iterable[Channel],
        drivers: Callable[[], Drivers],
        now: Callable[[], float],
    ) -> None:
        """`drivers` returns the thread, which is asked for when the first broker is needed."""
        self._channels = {one.name: one for one in channels if isinstance(one, BrokerChannel)}
        self._drivers = drivers
        self._now = now
        self._given_at = 0.0
        self._brokers: dict[str, Broker] = {}
        self._started: set[str] = set()
        self._starting = trio.Lock()

    async def publish(self, channel: str, batch: Sequence[Claimed | Outgoing]) -> Outcomes:
        """Publish messages at a channel's broker; return what became of each.

        Raises BrokerUnavailable if it cannot be started. If cancelled: each has arrived or not.
        """
        if channel not in self._started:
            await self._start(channel)
        self._given_at = self._now()  # a clock may not be read on the drivers' thread
        outcomes: Outcomes = await self._drivers().run(self._brokers[channel].publish, batch)
        return outcomes

    async def _start(self, channel: str) -> None:
        async with self._starting:
            if channel in self._started:
                return
            await self._drivers().start()
            broker = self._brokers.get(channel)
            if broker is None:
                broker = self._brokers[channel] = self._channels[channel].make_broker(self._when)
            try:
                await self._drivers().run(broker.start)
            except BrokerUnavailable:
                raise
            except OSError as error:
                raise BrokerUnavailable(f"channel {channel!r}: {error}") from error
            self._started.add(channel)

    def _when(self) -> float:
        """Return the Unix time at which the last batch was given, by the store's clock."""
        return self._given_at

    async def stop(self) -> None:
        """Stop those that were started, side by side. Safe to repeat."""
        names, self._started = self._started, set()
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(self._stop, self._brokers[name].stop)

    async def _stop(self, stop: Callable[[], Awaitable[None]]) -> None:
        await self._drivers().run(stop)
