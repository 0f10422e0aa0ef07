"""Stopping: intake first, what was begun is finished or released, and named."""

import sys
import threading

import pytest
import trio

from actorbus import ActorBus
from actorbus.stores import open_store
from tests.runtime.bus.delivery.jobs import Job


async def test_what_was_begun_is_finished_and_what_was_not_stays_ready(autojump_clock, log):
    store = open_store(":memory:")
    bus = ActorBus("shop", store, shutdown_timeout=60)
    bus.add_channel("mail", concurrency=2)

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        await trio.sleep(10)
        log.note(event)

    async with bus.running():
        for number in range(10):
            await bus.events.publish(Job(number))
        await trio.sleep(5)
        begun = trio.current_time()
        scope = bus.system.events.subscribe(log.events.append)
    stopped_after = trio.current_time() - begun
    scope.cancel()

    assert sorted(log.handled) == [0, 1]
    assert bus.unfinished == ()
    assert (bus.counters.handled, bus.counters.retried) == (2, 0)
    assert 5 <= stopped_after < 6


async def test_what_does_not_end_in_time_is_released_uncounted_and_named(
    autojump_clock, log, tmp_path
):
    url = f"sqlite:///{tmp_path}/shop.db"
    first = ActorBus("shop", url, shutdown_timeout=3)
    first.add_channel("mail", concurrency=2)
    second = ActorBus("shop", url)
    second.add_channel("mail")

    @first.event_handler(channel="mail", endpoint_id="work")
    async def hang(event: Job):
        await trio.sleep_forever()

    @second.event_handler(channel="mail", endpoint_id="work")
    async def work(event: Job):
        log.note(event)

    async with first.running():
        for number in range(5):
            await first.events.publish(Job(number))
        while first.counters.started < 2:
            await trio.testing.wait_all_tasks_blocked(0.01)
    async with second.running():
        queues = await second.store.statistics()
        await second.idle()

    assert [one.endpoint for one in first.unfinished] == ["work", "work"]
    assert sorted(log.handled) == [0, 1, 2, 3, 4]
    assert second.counters.retried == 0
    assert sum(queue.claimed for queue in queues) <= 5


@pytest.mark.parametrize("colour", ["trio", "asyncio", "plain"])
def test_a_handler_that_exits_stops_nothing_and_is_not_tried_again(colour):
    """SystemExit is its message's permanent failure, in a thread of the bus's own ..."""
    bus = ActorBus("shop", ":memory:", runs_on="asyncio" if colour == "asyncio" else "trio")
    handled, finished = exiting(bus, colour)
    with bus.running_in_thread():
        bus.events.publish(Job(1)).get()
        bus.idle().get()
        while not bus.dead_letters.count().get():
            bus.idle().get()
        bus.events.publish(Job(2)).get()
        assert finished.wait(10)
        [letter] = bus.dead_letters.list().get()
        restarts = bus.health().get().channels[0].endpoints[0].restarts

    assert (letter.exception, letter.attempts, letter.reason) == (
        "SystemExit",
        1,
        "permanent error",
    )
    assert (handled, restarts) == ([2], 0)


@pytest.mark.parametrize("colour", ["trio", "asyncio", "plain"])
async def test_a_handler_that_exits_does_not_end_the_program_that_the_bus_runs_in(colour):
    """... and in the caller's trio run, which goes on: its exit code is not the handler's."""
    bus = ActorBus("shop", ":memory:", runs_on="asyncio" if colour == "asyncio" else "trio")
    handled, _ = exiting(bus, colour)
    async with bus.running():
        await bus.events.publish_many([Job(1), Job(2)])
        await bus.idle()
        [letter] = await bus.dead_letters.list()

    assert (handled, letter.reason) == ([2], "permanent error")


def exiting(bus, colour):
    """Declare a handler that calls `sys.exit` for the first job; return what it handles."""
    bus.add_channel("mail")
    handled, finished = [], threading.Event()

    def plain(event: Job):
        if event.number == 1:
            sys.exit(3)
        handled.append(event.number)
        finished.set()

    async def handle(event: Job):
        plain(event)

    bus.event_handler(channel="mail", endpoint_id="work")(plain if colour == "plain" else handle)
    return handled, finished


async def test_a_bus_that_consumes_nothing_claims_nothing(autojump_clock, bus, log):
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        log.note(event)

    async with bus.running(consume="none"):
        await bus.events.publish(Job(1))
        await trio.sleep(60)
        [queue] = await bus.store.statistics()

    assert (log.handled, queue.ready) == ([], 1)


async def test_idle_returns_when_all_that_is_due_has_been_handled(autojump_clock, bus, log):
    """A message that is due in an hour does not count."""
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        await trio.sleep(10)
        log.note(event)

    async with bus.running():
        await bus.events.publish(Job(1))
        await bus.events.publish(Job(2), delay=3600)
        await bus.idle()
        now = trio.current_time()

    assert log.handled == [1]
    assert 10 <= now < 20
