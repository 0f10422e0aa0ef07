"""Tenants in number: the sick ones, the odd names, the many."""

import pytest
import trio

from actorbus import ActorBus, Backoff, DynamicChannel, EventBus, InvalidTenant, field
from actorbus._store import StoreUnavailable
from actorbus.declaring._tenant_rules import found_by
from actorbus.stores import open_store
from tests.runtime.bus.delivery.jobs import Job

RESTS_LONG = Backoff(initial=1000, maximum=1000, first_immediate=False)


async def test_more_sick_tenants_than_one_claim_serves_hold_up_nobody(autojump_clock, bus, log):
    """The claim goes on behind those that take nothing, until it has looked at every tenant."""
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), backoff=RESTS_LONG))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        if event.tenant.startswith("a"):
            raise ConnectionError
        await trio.sleep(0.1)
        log.note(event)

    async with bus.running():
        await bus.events.publish_many(Job(n, f"a{n:04}") for n in range(200))
        await trio.sleep(50)
        await bus.events.publish_many(Job(n, "z") for n in range(400))
        await trio.sleep(20)

    assert sorted(log.handled) == list(range(400))


async def test_sick_tenants_are_passed_over_now_and_then_only(
    autojump_clock, seed, log, monkeypatch
):
    """Each look behind them costs as much as they are many; the others do not pay for all."""
    store = open_store(":memory:")
    bus = ActorBus("shop", store, seed=seed)
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), backoff=RESTS_LONG))
    looks, waiting_tenants = [], store.waiting_tenants

    async def count(channel, *, after, limit):
        looks.append(await waiting_tenants(channel, after=after, limit=limit))
        return looks[-1]

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        if event.tenant.startswith("a"):
            raise ConnectionError
        await trio.sleep(0.001)
        log.note(event)

    monkeypatch.setattr(store, "waiting_tenants", count)
    async with bus.running():
        await bus.events.publish_many(Job(n, f"a{n:04}") for n in range(1_000))
        await trio.sleep(50)
        looks.clear()
        await trio.sleep(300)
        idle = len(looks)
        await bus.events.publish_many(Job(n, f"z{n % 2}") for n in range(1_000))
        await trio.sleep(10)

    assert (sorted(log.handled), idle) == ([*range(1_000)], 0)
    assert sum(map(len, looks)) < 30 * 1_000  # a look for each claim would be 250 of them


@pytest.mark.parametrize(
    "name", ["a/b", "..", "intake", "%69ntake", "\x01", " ", "é中😀", "x" * 200]
)
async def test_any_text_names_a_tenant(autojump_clock, bus, log, name):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.handled.append(event.tenant)

    async with bus.running():
        await bus.events.publish(Job(1, name))
        await bus.idle()

    assert log.handled == [name]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b"])
async def test_no_name_and_one_that_is_too_long_are_refused_to_the_sender(
    autojump_clock, bus, name
):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        pass

    async with bus.running():
        with pytest.raises(InvalidTenant, match="'jobs'.*1 to 200 characters"):
            await bus.events.publish(Job(1, name))


def test_a_name_that_cannot_be_written_is_refused_to_the_sender():
    """A function may make a name of what is no message's text, such as a file's name."""
    channel = DynamicChannel("jobs", tenant=lambda _message, _headers: "\udcff")

    with pytest.raises(InvalidTenant, match="found the tenant '.udcff'"):
        found_by(channel.tenant, channel.name, Job(1), {})


@pytest.mark.parametrize("places", [1, 2, 7])
async def test_few_places_serve_many_tenants(autojump_clock, bus, log, places):
    """What was claimed for a tenant that lost its place meanwhile is not forgotten."""
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), max_active=places))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        await trio.sleep(1)
        log.note(event)

    async with bus.running():
        await bus.events.publish_many(Job(n, f"tenant {n % 10}") for n in range(50))
        with trio.fail_after(500):
            await bus.idle()

    assert sorted(log.handled) == list(range(50))


async def test_two_thousand_tenants_are_all_served(autojump_clock, bus, log):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), max_active=100))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.note(event)

    async with bus.running():
        await bus.events.publish_many(Job(n, f"tenant {n}") for n in range(2_000))
        await bus.idle()

    assert sorted(log.handled) == list(range(2_000))


async def test_no_tenant_is_started_while_the_bus_drains(autojump_clock, seed, log):
    """The intake stops first: what is sent during the drain waits for the next process."""
    bus = ActorBus("shop", seed=seed, shutdown_timeout=60)
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))

    @bus.event_handler(channel="jobs")
    async def work(event: Job, events: EventBus):
        log.note(event)
        await trio.sleep(10)
        await events.publish(Job(event.number + 1, "another"))

    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(5)

    assert (log.handled, bus.counters.handled, bus.unfinished) == ([1], 1, ())


async def test_an_unknown_tenants_message_is_buried_once_the_store_is_back(
    autojump_clock, seed, monkeypatch
):
    """It was claimed, and its dead letter could not be written: it is not forgotten."""
    store = open_store(":memory:")
    bus = ActorBus("shop", store, seed=seed)
    rule, known = field("tenant"), frozenset({"acme"})
    bus.add_channel(DynamicChannel("jobs", tenant=rule, tenants=known, unknown="dead_letter"))
    settle, failures = store.settle, [StoreUnavailable("full"), StoreUnavailable("full")]

    async def fail_at_first(batch):
        if failures:
            raise failures.pop()
        return await settle(batch)

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        pass

    monkeypatch.setattr(store, "settle", fail_at_first)
    async with bus.running():
        await bus.events.publish(Job(1, "nobody"))
        await trio.sleep(10)
        dead, queues = await bus.dead_letters.count(), await store.statistics()

    assert (dead, sum(queue.claimed for queue in queues), failures) == (1, 0, [])
