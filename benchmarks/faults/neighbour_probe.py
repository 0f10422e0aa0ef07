"""A healthy subscriber beside another: `neighbour_probe PATH RATE EVENTS MODE`.

Both take the same events from one channel, at a fixed rate. What the other one does by MODE:
nothing (`peace`); it raises every time (`fails`); it sleeps in a thread, all its workers at once
(`blocks`); or it is sent twenty commands for each event (`floods`). The latency is from the time at
which an event was meant to be published to the start of the healthy one's handler.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import trio

from actorbus import ActorBus, Retry
from benchmarks._open_loop import Schedule, arrive
from benchmarks._process import report
from benchmarks._quantiles import quantiles

CHANNEL = "events"
BLOCKED = 0.5
FLOOD = 20
LIMIT = 60.0
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Happened:
    number: int


@dataclass(frozen=True, slots=True)
class Extra:
    number: int


class Healthy:
    """When each event reached it."""

    def __init__(self, events: int) -> None:
        self.at = [0.0] * events
        self.left = events
        self.finished = trio.Event()

    def note(self, number: int) -> None:
        self.at[number] = trio.current_time()
        self.left -= 1
        if not self.left:
            self.finished.set()


def make_bus(path: Path, healthy: Healthy, mode: str) -> ActorBus:
    bus = ActorBus("neighbour", store=f"sqlite:///{path}")
    bus.add_channel(CHANNEL, retry=Retry(attempts=5, initial=0.1, factor=2))

    async def watch(event: Happened) -> None:
        healthy.note(event.number)

    async def fail(event: Happened) -> None:
        if mode == "fails":
            raise ValueError("it fails every time")

    def block(event: Happened) -> None:
        time.sleep(BLOCKED)

    async def extra(command: Extra) -> None: ...

    bus.event_handler(channel=CHANNEL, endpoint_id="healthy", runs_on="trio")(watch)
    if mode == "blocks":
        bus.event_handler(channel=CHANNEL, endpoint_id="other")(block)
    else:
        bus.event_handler(channel=CHANNEL, endpoint_id="other", runs_on="trio")(fail)
    bus.command_handler(channel=CHANNEL, endpoint_id="flooded", runs_on="trio")(extra)
    return bus


async def main(path: Path, rate: float, events: int, mode: str) -> None:
    healthy = Healthy(events)
    async with make_bus(path, healthy, mode).running() as bus:

        async def publish(number: int) -> None:
            await bus.events.publish(Happened(number))
            if mode == "floods":
                await bus.commands.send_many(Extra(one) for one in range(FLOOD))

        schedule = Schedule(trio.current_time() + 0.2, rate)
        with trio.fail_after(events / rate + LIMIT):
            await arrive(schedule, events, publish)
            await healthy.finished.wait()
        counts = bus.counters
    waited = [at - schedule.intended(number) for number, at in enumerate(healthy.at)]
    report(
        **{name: 1000 * one for name, one in quantiles(waited[WARM_UP:]).items()},
        others=counts.handled - events,
        retried=counts.retried,
    )


if __name__ == "__main__":
    path, rate, events, mode = sys.argv[1:]
    trio.run(main, Path(path), float(rate), int(events), mode)
