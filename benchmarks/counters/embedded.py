"""The bus on a store in memory: what a message costs to publish, and to handle."""

from dataclasses import dataclass

import trio

from actorbus import ActorBus, Transaction
from benchmarks.counters._counting import Work

CHANNEL = "work"
PORTION = 100
"""Messages that are stored by one call."""


@dataclass(frozen=True, slots=True)
class Job:
    number: int


def _bus() -> ActorBus:
    bus = ActorBus("counters", ":memory:")
    bus.add_channel(CHANNEL)
    return bus


async def publish(count: int) -> None:
    """Store messages that nobody takes, 100 to a transaction."""
    bus = _bus()

    @bus.command_handler(channel=CHANNEL, endpoint_id="job")
    async def job(message: Job) -> None:
        pass

    async with bus.running(consume="none"):
        await _fill(bus, count)


async def _fill(bus: ActorBus, count: int) -> None:
    for first in range(0, count, PORTION):
        await bus.commands.send_many(Job(number) for number in range(first, first + PORTION))


async def drain(count: int) -> None:
    """Store messages, then handle them: the handler does nothing."""
    bus, left = _bus(), _Left(count)

    @bus.command_handler(channel=CHANNEL, endpoint_id="job")
    async def job(message: Job) -> None:
        left.down()

    await _handled(bus, left, count)


async def transactions(count: int) -> None:
    """Store messages, then handle them: the handler inserts a row in its transaction."""
    bus, left = _bus(), _Left(count)

    @bus.command_handler("make tables")
    async def make_tables(message: dict[str, str], tx: Transaction) -> None:
        await tx.execute("CREATE TABLE effects (number INTEGER)")

    @bus.command_handler(channel=CHANNEL, endpoint_id="job")
    async def job(message: Job, tx: Transaction) -> None:
        await tx.execute("INSERT INTO effects VALUES ($1)", message.number)
        left.down()

    await _handled(bus, left, count, make="make tables")


class _Left:
    def __init__(self, count: int) -> None:
        self.count = count
        self.none = trio.Event()

    def down(self) -> None:
        self.count -= 1
        if not self.count:
            self.none.set()


async def _handled(bus: ActorBus, left: _Left, count: int, make: str = "") -> None:
    async with bus.running():
        if make:
            await bus.commands.send({}, routing_key=make)
        await _fill(bus, count)
        await left.none.wait()
        await bus.idle()


COUNTERS = ("statements", "commits", "wake_ups", "calls", "blocks_kept")
WORK: dict[str, Work] = {
    "send": publish,
    "send and handle": drain,
    "send and handle in a transaction": transactions,
}


def held() -> dict[str, dict[str, float]]:
    """Return nothing: what waits is in the store."""
    return {}
