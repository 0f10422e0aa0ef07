"""Stopping: intake first, what was begun is finished or released, and named."""

import trio

from actorbus import ActorBus
from actorbus.stores import open_store


async def test_what_was_begun_is_finished_and_what_was_not_stays_ready(autojump_clock, log, job):
    store = open_store(":memory:")
    bus = ActorBus("shop", store, shutdown_timeout=60)
    bus.add_channel("mail", concurrency=2)

    @bus.event_handler(channel="mail")
    async def handle(event: job):
        await trio.sleep(10)
        log.note(event)

    async with bus.running():
        for number in range(10):
            await bus.events.publish(job(number))
        await trio.sleep(5)
        begun = trio.current_time()
        scope = bus.system.events.subscribe(log.events.append)
    stopped_after = trio.current_time() - begun
    scope.cancel()

    assert log.handled == [0, 1]
    assert bus.unfinished == ()
    assert (bus.counters.handled, bus.counters.retried) == (2, 0)
    assert 5 <= stopped_after < 6


async def test_what_does_not_end_in_time_is_released_uncounted_and_named(
    autojump_clock, log, job, tmp_path
):
    url = f"sqlite:///{tmp_path}/shop.db"
    first = ActorBus("shop", url, shutdown_timeout=3)
    first.add_channel("mail", concurrency=2)
    second = ActorBus("shop", url)
    second.add_channel("mail")

    @first.event_handler(channel="mail", endpoint_id="work")
    async def hang(event: job):
        await trio.sleep_forever()

    @second.event_handler(channel="mail", endpoint_id="work")
    async def work(event: job):
        log.note(event)

    async with first.running():
        for number in range(5):
            await first.events.publish(job(number))
        while first.counters.started < 2:
            await trio.testing.wait_all_tasks_blocked(0.01)
    async with second.running():
        queues = await second.store.statistics()
        await second.idle()

    assert [one.endpoint for one in first.unfinished] == ["work", "work"]
    assert sorted(log.handled) == [0, 1, 2, 3, 4]
    assert second.counters.retried == 0
    assert sum(queue.claimed for queue in queues) <= 5


async def test_a_bus_that_consumes_nothing_claims_nothing(autojump_clock, bus, log, job):
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def handle(event: job):
        log.note(event)

    async with bus.running(consume="none"):
        await bus.events.publish(job(1))
        await trio.sleep(60)
        [queue] = await bus.store.statistics()

    assert (log.handled, queue.ready) == ([], 1)


async def test_idle_returns_when_all_that_is_due_has_been_handled(autojump_clock, bus, log, job):
    """A message that is due in an hour does not count."""
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def handle(event: job):
        await trio.sleep(10)
        log.note(event)

    async with bus.running():
        await bus.events.publish(job(1))
        await bus.events.publish(job(2), delay=3600)
        await bus.idle()
        now = trio.current_time()

    assert log.handled == [1]
    assert 10 <= now < 20
