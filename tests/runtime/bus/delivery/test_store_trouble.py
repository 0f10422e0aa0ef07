"""A store that fails: nothing is lost, no attempt is counted, and the bus recovers by itself."""

import pytest
import trio

from actorbus import ActorBus, Backoff, Retry, Transaction
from actorbus._bus_events import ChannelStalled, StoreTrouble
from actorbus._store import StoreFull, StoreLocked
from actorbus.stores import open_store
from tests.runtime.bus.delivery.jobs import Job


class Failing:
    """A store in memory whose methods, those named in `broken`, fail."""

    def __init__(self, error=StoreFull):
        self._store = open_store(":memory:")
        self._error = error
        self.broken = set()
        self.failures = 0

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name not in {"claim", "acquire", "settle", "poll", "renew", "reopen", "take_back"}:
            return method

        async def call(*args, **kwargs):
            if name in self.broken:
                self.failures += 1
                raise self._error(f"{name} fails")
            return await method(*args, **kwargs)

        return call


EVERYTHING = {"claim", "acquire", "settle", "poll", "renew", "reopen", "take_back"}


@pytest.fixture(params=[StoreFull, StoreLocked])
def store(request):
    return Failing(request.param)


@pytest.fixture
def failing_bus(store, seed):
    bus = ActorBus("shop", store, seed=seed)
    bus.add_channel(
        "mail",
        retry=Retry(attempts=1),
        backoff=Backoff(initial=0.5, maximum=30.0),
        concurrency=3,
        max_in_flight=5,
    )
    return bus


async def test_a_store_that_fails_for_an_hour_loses_nothing_and_burns_no_attempt(
    autojump_clock, failing_bus, store, log
):
    """Messages have a single attempt; all of them are handled once the store is back."""
    bus = failing_bus

    @bus.event_handler(channel="mail", endpoint_id="handle")
    async def handle(event: Job, tx: Transaction):
        await trio.sleep(1)
        await tx.execute("SELECT 1")
        tx.after_commit(lambda: log.handled.append(event.number))

    async with bus.running():
        bus.system.events.subscribe(log.events.append, StoreTrouble)
        for number in range(20):
            await bus.events.publish(Job(number))
        await trio.sleep(2.5)
        store.broken = EVERYTHING
        await trio.sleep(3600)
        in_trouble = len(set(log.handled))
        store.broken = set()
        await trio.sleep(120)
        left = await bus.dead_letters.count()
        health = await bus.health()

    assert in_trouble < 20
    assert sorted(set(log.handled)) == list(range(20))
    assert (bus.counters.handled, bus.counters.retried, left) == (20, 0, 0)
    assert health.is_healthy
    assert {event.path.split("/")[-1] for event in log.events} >= {"handle", "poller", "lease"}


async def test_retries_of_the_store_back_off(autojump_clock, failing_bus, store):
    """An hour of failures costs each actor some hundred tries, not thousands a second."""
    bus = failing_bus

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        pass

    async with bus.running():
        store.broken = EVERYTHING
        await trio.sleep(3600)
        failures = store.failures
        store.broken = set()
        await trio.sleep(10)

    assert 1000 < failures < 6 * 3600 / 5 * 1.2


async def test_a_claim_that_fails_restarts_the_intake_alone(
    autojump_clock, failing_bus, store, log
):
    """What its endpoints have begun goes on meanwhile."""
    bus = failing_bus

    @bus.event_handler(channel="mail", endpoint_id="handle")
    async def handle(event: Job):
        await trio.sleep(30)
        log.note(event)

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(1)
        store.broken = {"claim", "reopen"}
        await bus.events.publish(Job(2))
        await trio.sleep(20)
        actors = {actor.path: actor for actor in bus.system.tree().walk()}
        store.broken = set()
        await trio.sleep(60)

    assert actors["shop/channels/mail/intake"].restarts > 2
    assert actors["shop/channels/mail/handle"].restarts == 0
    assert actors["shop/store/poller"].restarts == 0
    assert log.handled == [1, 2]


async def test_an_intake_that_claims_nothing_although_it_could_is_restarted(
    autojump_clock, failing_bus, log
):
    """Its bell is broken: nobody tells it of the message, until its progress is looked at."""
    bus = failing_bus

    @bus.event_handler(channel="mail")
    async def handle(event: Job):
        log.note(event)

    async with bus.running():
        bus.system.events.subscribe(log.events.append, ChannelStalled)
        await trio.sleep(1)
        [desk] = bus._run.delivery.desks
        desk.bell.rung = True
        await bus.events.publish(Job(1))
        await trio.sleep(60)

    assert log.handled == [1]
    assert 10 <= log.at[0] <= 25
    assert [event.channel for event in log.events] == ["mail"]
