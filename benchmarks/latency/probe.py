"""Send at a fixed rate and handle: `probe STORE RATE MESSAGES [SERVERS TOPIC]`.

STORE is a store's URL; with SERVERS and TOPIC the messages go through its outbox to a topic of
Kafka's, and are handled from there. The latency of a message is the time from the moment at which
it was meant to be sent to the start of its handler; sender and handlers are one process.
"""

import sys
from dataclasses import dataclass

import trio

from actorbus import ActorBus, KafkaChannel
from benchmarks._open_loop import Schedule, arrive
from benchmarks._process import report
from benchmarks._quantiles import quantiles

CHANNEL = "work"
WARM_UP = 50
"""Messages before the clock starts: connections are open then, and statements prepared."""
LIMIT = 60.0
"""Seconds until all must have been handled, or the rate is more than the machine can do."""


@dataclass(frozen=True, slots=True)
class Ping:
    number: int


class Handled:
    """When each message's handler began, and an event for the last one; `expect` begins anew."""

    def __init__(self) -> None:
        self.expect(0)

    def expect(self, messages: int) -> None:
        self.at = [0.0] * messages
        self.left = messages
        self.finished = trio.Event()

    def note(self, number: int) -> None:
        self.at[number] = trio.current_time()
        self.left -= 1
        if not self.left:
            self.finished.set()


def make_bus(store: str, handled: Handled, servers: str = "", topic: str = "") -> ActorBus:
    bus = ActorBus("latency", store=store)
    if servers:
        bus.add_channel(KafkaChannel(CHANNEL, servers=servers, topic=topic))
    else:
        bus.add_channel(CHANNEL)

    async def ping(message: Ping) -> None:
        handled.note(message.number)

    bus.command_handler(channel=CHANNEL, endpoint_id="ping", runs_on="trio")(ping)
    return bus


async def main(store: str, rate: float, messages: int, *broker: str) -> None:
    handled = Handled()
    async with make_bus(store, handled, *broker).running() as bus:
        await _through(bus, handled, WARM_UP, 100.0)
        schedule = await _through(bus, handled, messages, rate)
    waited = [at - schedule.intended(number) for number, at in enumerate(handled.at)]
    milliseconds = {name: 1000 * one for name, one in quantiles(waited).items()}
    report(behind=max(handled.at) - schedule.intended(messages - 1), **milliseconds)


async def _through(bus: ActorBus, handled: Handled, messages: int, rate: float) -> Schedule:
    """Send so many at a rate, and wait until all were handled."""

    async def send(number: int) -> None:
        await bus.commands.send(Ping(number))

    handled.expect(messages)
    schedule = Schedule(trio.current_time() + 0.1, rate)
    with trio.fail_after(messages / rate + LIMIT):
        await arrive(schedule, messages, send)
        await handled.finished.wait()
    return schedule


if __name__ == "__main__":
    store, rate, messages, *where = sys.argv[1:]
    trio.run(main, store, float(rate), int(messages), *where)
