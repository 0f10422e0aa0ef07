"""Tenants in number: the sick ones, the odd names, the many."""

import pytest
import trio

from actorbus import Backoff, DynamicChannel, InvalidTenant, field

RESTS_LONG = Backoff(initial=1000, maximum=1000, first_immediate=False)


async def test_more_sick_tenants_than_one_claim_serves_hold_up_nobody(
    autojump_clock, bus, log, job
):
    """The claim goes on behind those that take nothing, until it has looked at every tenant."""
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), backoff=RESTS_LONG))

    @bus.event_handler(channel="jobs")
    async def work(event: job):
        if event.tenant.startswith("a"):
            raise ConnectionError
        await trio.sleep(0.1)
        log.note(event)

    async with bus.running():
        await bus.events.publish_many(job(n, f"a{n:04}") for n in range(200))
        await trio.sleep(50)
        await bus.events.publish_many(job(n, "z") for n in range(400))
        await trio.sleep(20)

    assert sorted(log.handled) == list(range(400))


@pytest.mark.parametrize(
    "name", ["a/b", "..", "intake", "%69ntake", "\x00", " ", "é中😀", "x" * 200]
)
async def test_any_text_names_a_tenant(autojump_clock, bus, log, job, name):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))

    @bus.event_handler(channel="jobs")
    async def work(event: job):
        log.handled.append(event.tenant)

    async with bus.running():
        await bus.events.publish(job(1, name))
        await bus.idle()

    assert log.handled == [name]


@pytest.mark.parametrize("name", ["", "x" * 201])
async def test_no_name_and_one_that_is_too_long_are_refused_to_the_sender(
    autojump_clock, bus, job, name
):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))

    @bus.event_handler(channel="jobs")
    async def work(event: job):
        pass

    async with bus.running():
        with pytest.raises(InvalidTenant, match="'jobs'.*1 to 200 characters"):
            await bus.events.publish(job(1, name))


@pytest.mark.parametrize("places", [1, 2, 7])
async def test_few_places_serve_many_tenants(autojump_clock, bus, log, job, places):
    """What was claimed for a tenant that lost its place meanwhile is not forgotten."""
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), max_tenants=places))

    @bus.event_handler(channel="jobs")
    async def work(event: job):
        await trio.sleep(1)
        log.note(event)

    async with bus.running():
        await bus.events.publish_many(job(n, f"tenant {n % 10}") for n in range(50))
        with trio.fail_after(500):
            await bus.idle()

    assert sorted(log.handled) == list(range(50))


async def test_two_thousand_tenants_are_all_served(autojump_clock, bus, log, job):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), max_tenants=100))

    @bus.event_handler(channel="jobs")
    async def work(event: job):
        log.note(event)

    async with bus.running():
        await bus.events.publish_many(job(n, f"tenant {n}") for n in range(2_000))
        await bus.idle()

    assert sorted(log.handled) == list(range(2_000))
