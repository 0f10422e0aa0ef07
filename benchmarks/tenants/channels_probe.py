"""What making and ending a tenant's channel costs: `channels_probe PATH TENANTS`.

Every tenant has a message, which its channel is made for; then another, for which the channel is
there. What the first took beyond the second is the making. Then all are idle for long enough, and
are ended, as the channel's own timer would do it: that timer is not waited for. At last all of that
happens once more, to see whether memory that was used before is used again.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import trio

from actorbus import ActorBus, DynamicChannel, TenantEnded, TenantStarted
from actorbus import field as from_field
from actorbus.channels._tenant_desk import TenantDesk
from actors.events import Event
from benchmarks._process import report
from benchmarks.probes.memory import resident

IDLE = 3600.0


@dataclass(frozen=True, slots=True)
class Task:
    tenant: str


class Living:
    """Counts the channels that live, and tells when they are as many as wanted."""

    def __init__(self) -> None:
        self.count = 0
        self._wanted = -1
        self._reached = trio.Event()

    def started(self, _: Event) -> None:
        self._change(1)

    def ended(self, _: Event) -> None:
        self._change(-1)

    def _change(self, by: int) -> None:
        self.count += by
        if self.count == self._wanted:
            self._reached.set()

    async def reach(self, wanted: int) -> None:
        self._wanted, self._reached = wanted, trio.Event()
        if self.count != wanted:
            await self._reached.wait()


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds, of the clock and of the processor."""

    clock: float
    processor: float

    @classmethod
    def so_far(cls) -> "Spent":
        return cls(time.perf_counter(), time.process_time())

    def until_now(self) -> "Spent":
        now = Spent.so_far()
        return Spent(now.clock - self.clock, now.processor - self.processor)


def make_bus(path: Path) -> ActorBus:
    bus = ActorBus("channels", store=f"sqlite:///{path}")
    bus.add_channel(DynamicChannel("work", tenant=from_field("tenant"), idle_timeout=IDLE))

    async def work(task: Task) -> None:
        pass

    bus.command_handler(channel="work", runs_on="trio")(work)
    return bus


async def handled(bus: ActorBus, tenants: int) -> Spent:
    """Send each tenant a message, and return what handling all of them took."""
    await bus.pause("work")
    await bus.commands.send_many(Task(str(number)) for number in range(tenants))
    begun = Spent.so_far()
    await bus.resume("work")
    await bus.idle()
    return begun.until_now()


async def reaped(bus: ActorBus, living: Living) -> Spent:
    """End all tenants' channels, which are idle, and return what that took."""
    [desk] = bus._running().delivery.desks
    assert isinstance(desk, TenantDesk)
    begun = Spent.so_far()
    desk.reap(trio.current_time() + 2 * IDLE)
    await living.reach(0)
    return begun.until_now()


async def main(path: Path, tenants: int) -> None:
    living = Living()
    async with make_bus(path).running() as bus:
        bus.system.events.subscribe(living.started, TenantStarted)
        bus.system.events.subscribe(living.ended, TenantEnded)
        before = resident()
        first = await handled(bus, tenants)
        await living.reach(tenants)
        made = resident()
        again = await handled(bus, tenants)
        ended = await reaped(bus, living)
        after = resident()
        await handled(bus, tenants)
        await reaped(bus, living)
        later = resident()
    report(
        made_us=(first.clock - again.clock) / tenants * 1e6,
        made_processor_us=(first.processor - again.processor) / tenants * 1e6,
        reaped_us=ended.clock / tenants * 1e6,
        reaped_processor_us=ended.processor / tenants * 1e6,
        living=(made - before) / tenants,
        ended=(after - before) / tenants,
        again=(later - before) / tenants,
    )


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
