"""Stopping: intake first, what was begun is finished or released, and named."""

import threading

import trio

from actorbus import ActorBus, Backoff, Retry
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


def test_a_handler_that_exits_uses_up_its_attempts_and_stops_nothing():
    """In a bus with a thread of its own SystemExit is its message's failure, and restarts it."""
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("mail", retry=Retry(attempts=2, initial=0.01), backoff=Backoff(initial=0.01))
    handled = []
    finished = threading.Event()

    @bus.event_handler(channel="mail", endpoint_id="work")
    async def handle(event: Job):
        if event.number == 1:
            raise SystemExit
        handled.append(event.number)
        finished.set()

    with bus.running_in_thread():
        bus.events.publish(Job(1)).get()
        bus.idle().get()
        while not bus.dead_letters.count().get():
            bus.idle().get()
        bus.events.publish(Job(2)).get()
        assert finished.wait(10)
        [letter] = bus.dead_letters.list().get()

    assert handled == [2]
    assert (letter.exception, letter.attempts) == ("SystemExit", 2)


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
