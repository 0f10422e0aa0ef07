"""An endpoint's own budget: outages, backoff, probes. It never burns a message's attempts."""

import pytest
import trio

from actorbus import Backoff, EndpointHealthy, EndpointSick, Retry
from actorbus.running._pace import SELDOM
from actors.events import BackingOff
from tests.runtime.bus.delivery.jobs import Job

HOUR = 3600.0
BACKOFF = Backoff(initial=1.0, factor=2.0, maximum=600.0, jitter=0.0)


@pytest.fixture
def bus(bus):
    """A bus that looks after its store seldom: hours of polls are not what is tested here."""
    with bus.substituted(pace=SELDOM):
        yield bus


async def test_an_outage_of_two_hours_burns_no_attempts(autojump_clock, bus, log, endpoint):
    """30 messages with 2 attempts each survive two hours without their dependency.

    The endpoint rests longer and longer, probes with one message at a time, and works off
    everything once a probe succeeds. The numbers: no retry, no dead letter, 30 handled; about
    twenty restarts under the backoff, and as many starts of a handler beyond the thirty.
    """
    bus.add_channel("mail", retry=Retry(attempts=2), backoff=BACKOFF, concurrency=3)

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        if trio.current_time() < 2 * HOUR:
            raise ConnectionRefusedError("the gateway is down")
        log.note(event)

    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        for number in range(30):
            await bus.events.publish(Job(number))
        await trio.sleep(3 * HOUR)
        found = await endpoint(bus, "handle")
        left = await bus.dead_letters.count()

    assert sorted(log.handled) == list(range(30))
    assert (found.retried, found.dead, left) == (0, 0, 0)
    assert found.handled == 30
    assert 15 <= found.restarts <= 30
    assert found.started - found.handled <= found.restarts + 3
    delays = [event.delay for event in log.of(BackingOff) if event.delay]
    assert delays[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(delays) == 600.0


async def test_it_stops_asking_for_work_while_it_is_sick(autojump_clock, bus, endpoint):
    """What waits stays ready in the store, for other processes."""
    bus.add_channel("mail", backoff=BACKOFF)

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        raise ConnectionError

    async with bus.running():
        for number in range(50):
            await bus.events.publish(Job(number))
        await trio.sleep(HOUR / 2)
        found = await endpoint(bus, "handle")

    assert found.condition == "sick"
    assert (found.ready, found.in_flight) == (50, 0)


async def test_the_tree_shows_the_rest_as_restarts_and_backing_off(autojump_clock, bus):
    bus.add_channel("mail", backoff=BACKOFF)

    @bus.event_handler(channel="mail", endpoint_id="mailer")
    async def handle(event: Job):
        raise ConnectionError

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(HOUR)
        actors = {actor.path: actor for actor in bus.system.tree().walk()}

    mailer = actors["shop/channels/mail/mailer"]
    assert mailer.state.value == "backing off"
    assert mailer.restarts > 5
    assert actors["shop/channels/mail/intake"].restarts == 0
    assert actors["shop/channels/mail"].restarts == 0


async def test_going_sick_and_well_again_are_events(autojump_clock, bus, log):
    bus.add_channel("mail", backoff=BACKOFF)

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        if trio.current_time() < 5:
            raise TimeoutError("slow")

    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        await bus.events.publish(Job(1))
        await trio.sleep(60)

    sick, well = log.of(EndpointSick), log.of(EndpointHealthy)
    assert [event.outages for event in sick] == [1, 2, 3, 4]
    assert isinstance(sick[0].cause, TimeoutError)
    assert len(well) == 1


async def test_a_message_that_sees_an_outage_alone_uses_up_its_attempts(
    autojump_clock, bus, log, endpoint
):
    """Its own gateway is down for good: the others are handled, and it dies of 3 attempts."""
    bus.add_channel("mail", retry=Retry(attempts=3, initial=1.0), backoff=BACKOFF)

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        if event.number == 0:
            raise ConnectionError("this one's gateway is down")
        log.note(event)

    async with bus.running():
        for number in range(20):
            await bus.events.publish(Job(number))
            await trio.sleep(1)
        await trio.sleep(HOUR)
        found = await endpoint(bus, "handle")
        [letter] = await bus.dead_letters.list()

    assert sorted(log.handled) == list(range(1, 20))
    assert (letter.exception, letter.attempts) == ("ConnectionError", 3)
    assert found.condition == "healthy"


async def test_many_messages_with_dead_gateways_cannot_keep_the_others_waiting(
    autojump_clock, bus, log
):
    """The first 20 see an outage each; the probes go on to those behind them.

    Once others succeed, each of the 20 sees its outage alone, and dies of its own attempts.
    """
    bus.add_channel("mail", retry=Retry(attempts=2, initial=1.0), backoff=BACKOFF)

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        if event.number < 20:
            raise ConnectionError
        log.note(event)

    async with bus.running():
        for number in range(25):
            await bus.events.publish(Job(number))
        await trio.sleep(3 * HOUR)
        early = sorted(log.handled)
        for number in range(25, 125):
            await bus.events.publish(Job(number))
            await trio.sleep(60)
        dead = await bus.dead_letters.count()

    assert early == [20, 21, 22, 23, 24]
    assert (sorted(log.handled), dead) == (list(range(20, 125)), 20)


async def test_other_errors_never_open_anything_without_a_breaker(autojump_clock, bus, endpoint):
    bus.add_channel("mail", retry=Retry(attempts=1))

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        raise ValueError

    async with bus.running():
        for number in range(200):
            await bus.events.publish(Job(number))
        await trio.sleep(60)
        found = await endpoint(bus, "handle")

    assert (found.dead, found.outages, found.restarts) == (200, 0, 0)


async def test_a_breaker_opens_after_so_many_failures_in_a_row(autojump_clock, bus, endpoint):
    """5 failures open it; from then on it probes under its backoff. Attempts are counted."""
    bus.add_channel("mail", retry=Retry(attempts=1), backoff=BACKOFF, concurrency=1)

    @bus.event_handler(channel="mail", breaker=5)
    async def handle(event: Job):
        raise ValueError

    async with bus.running():
        for number in range(200):
            await bus.events.publish(Job(number))
        await trio.sleep(0.9)
        early = await endpoint(bus, "handle")
        await trio.sleep(62)
        later = await endpoint(bus, "handle")

    assert (early.dead, early.outages) == (6, 2)
    assert later.dead == 6 + 5  # probes after 1, 3, 7, 15 and 31 seconds
    assert later.ready == 200 - 11


@pytest.mark.parametrize("failing", ["outage", "errors"])
async def test_a_failing_subscriber_touches_nobody_else(  # all fixtures
    autojump_clock, bus, log, endpoint, failing
):
    """Neighbours on the same channel and on another: no retries, restarts, outages; all handled."""
    bus.add_channel("mail", retry=Retry(attempts=3), backoff=BACKOFF)
    bus.add_channel("other")

    @bus.event_handler(channel="mail")
    async def broken(event: Job):
        raise ConnectionError if failing == "outage" else ValueError

    @bus.event_handler(channel="mail")
    async def neighbour(event: Job):
        log.note(event)

    @bus.event_handler(channel="other")
    async def elsewhere(event: Job):
        log.note(event)

    async with bus.running():
        for number in range(100):
            await bus.events.publish(Job(number))
        await trio.sleep(HOUR)
        well = [await endpoint(bus, name) for name in ("neighbour", "elsewhere")]

    assert [(one.handled, one.retried, one.restarts) for one in well] == [(100, 0, 0)] * 2
    assert [(one.outages, one.released, one.condition) for one in well] == [(0, 0, "healthy")] * 2
    assert max(log.at) < 1.0


async def test_a_subscriber_that_hangs_touches_nobody_else(autojump_clock, bus, log):
    """Its workers and its places are its own."""
    bus.add_channel("mail", concurrency=2, max_in_flight=4)

    @bus.event_handler(channel="mail")
    async def hanging(event: Job):
        await trio.sleep(HOUR)

    @bus.event_handler(channel="mail")
    async def neighbour(event: Job):
        log.note(event)

    async with bus.running():
        for number in range(100):
            await bus.events.publish(Job(number))
        await trio.sleep(60)

    assert log.handled == list(range(100))
    assert max(log.at) < 1.0


async def test_an_endpoint_runs_up_to_its_concurrency_and_holds_up_to_its_credit(
    autojump_clock, bus, endpoint
):
    bus.add_channel("mail", concurrency=3, max_in_flight=8)

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        await trio.sleep(10)

    async with bus.running():
        for number in range(30):
            await bus.events.publish(Job(number))
        await trio.sleep(5)
        found = await endpoint(bus, "handle")
        await trio.sleep(200)

    assert (found.running, found.in_flight, found.ready) == (3, 8, 22)
    assert bus.counters.handled == 30


async def test_all_workers_go_on_after_an_outage(autojump_clock, bus, log):
    """A place that is free while a message waits to be begun is asked for once that has begun."""
    bus.add_channel("mail", backoff=BACKOFF, concurrency=3, max_in_flight=3)
    began: list[float] = []

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        if trio.current_time() - start < 5.0:
            await trio.sleep(0.01 * event.number)
            raise ConnectionError
        began.append(trio.current_time())
        await trio.sleep(10.0)

    async with bus.running():
        start = trio.current_time()
        for number in range(8):
            await bus.events.publish(Job(number))
        await trio.sleep(60.0)

    rounds = [sum(at == then for at in began) for then in sorted(set(began))]
    assert rounds == [1, 3, 3, 1]
