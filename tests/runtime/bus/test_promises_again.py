"""Entered again, replayed while it works, and under a clock that goes back."""

import asyncio
from dataclasses import dataclass
from itertools import count

import pytest
import trio

from actorbus import ActorBus, DeadLetterFilter, Retry, Transaction
from actorbus.stores import open_store


@dataclass(frozen=True)
class Ordered:
    number: int


class ClockThatIsSet:
    """A wall clock that somebody sets; the boot clock is the run's."""

    offset = 1_000_000_000.0

    def wall(self):
        return self.offset + trio.current_time()

    def boot(self):
        return trio.current_time()

    def boot_id(self):
        return "this start"


def in_trio(bus, consume, number):
    async def main():
        async with bus.running(consume=consume):
            await bus.events.publish(Ordered(number))
            await bus.idle()

    trio.run(main)


def in_asyncio(bus, consume, number):
    async def main():
        async with bus.running(consume=consume):
            await bus.events.publish(Ordered(number))
            await bus.idle()

    asyncio.run(main())


def in_a_thread(bus, consume, number):
    with bus.running_in_thread(consume=consume):
        bus.events.publish(Ordered(number)).get()
        bus.idle().get()


@pytest.mark.parametrize("enter", [in_trio, in_asyncio, in_a_thread])
def test_each_run_consumes_what_it_was_told_to_and_the_rest_waits(tmp_path, seen, enter):
    """None, then one channel, then all: each message is handled once per subscriber."""
    bus = ActorBus("shop", f"sqlite:///{tmp_path}/shop.db")
    bus.add_channel("mail")
    bus.add_channel("stock")

    @bus.event_handler(channel="mail")
    def send_mail(event: Ordered):
        seen.add(("mail", event.number))

    @bus.event_handler(channel="stock")
    async def count_stock(event: Ordered):
        seen.add(("stock", event.number))

    handled = []
    for number, consume in enumerate(["none", ["mail"], "all"]):
        enter(bus, consume, number)
        handled.append(sorted(seen.items))

    assert handled[:2] == [[], [("mail", 0), ("mail", 1)]]
    assert handled[2] == [(name, n) for name in ("mail", "stock") for n in range(3)]


async def test_a_clock_that_is_set_back_loses_and_repeats_nothing(autojump_clock, seen):
    clock = ClockThatIsSet()
    bus = ActorBus("shop", open_store(":memory:", clock=clock))
    bus.add_channel("mail", retry=Retry(attempts=3, initial=1))

    @bus.event_handler(channel="mail")
    async def send_mail(event: Ordered):
        seen.add(event.number)
        if seen.items.count(event.number) == 1:
            raise ValueError

    async with bus.running():
        await bus.events.publish(Ordered(1))
        await bus.idle()
        clock.offset -= 3600
        await bus.events.publish(Ordered(2))
        await trio.sleep(4000)

    assert sorted(seen.items) == [1, 1, 2, 2]


async def test_replays_while_the_worker_runs_repeat_no_effect(tmp_path):
    bus = ActorBus("shop", f"sqlite:///{tmp_path}/shop.db")
    bus.add_channel("mail", retry=Retry(attempts=1))
    starts = {number: count(1) for number in range(100)}

    @bus.command_handler("make table")
    async def make_table(command: dict[str, str], tx: Transaction):
        await tx.execute("CREATE TABLE sent (number INTEGER)")

    @bus.query_handler("sent")
    async def sent(query: dict[str, str], tx: Transaction) -> list[int]:
        return [row[0] for row in await tx.fetch("SELECT number FROM sent ORDER BY number")]

    @bus.event_handler(channel="mail")
    async def send_mail(event: Ordered, tx: Transaction):
        await tx.execute("INSERT INTO sent VALUES ($1)", event.number)
        if next(starts[event.number]) < 4:
            raise ValueError

    async with bus.running():
        await bus.commands.send({}, routing_key="make table")
        await bus.events.publish_many(Ordered(number) for number in range(100))
        with trio.fail_after(20):
            while len(await bus.queries.ask({}, routing_key="sent")) < 100:
                await bus.dead_letters.replay(DeadLetterFilter())
        await bus.idle()
        rows, dead = await bus.queries.ask({}, routing_key="sent"), await bus.dead_letters.count()

    assert (rows, dead) == (list(range(100)), 0)
