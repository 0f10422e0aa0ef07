"""A dynamic channel: tenants' channels on demand, idle ones ended, workers shared fairly."""

from statistics import median

import pytest
import trio

from actorbus import (
    Backoff,
    DynamicChannel,
    InvalidTenant,
    Retry,
    UnknownTenant,
    field,
    header,
)
from actorbus._bus_events import TenantEnded, TenantStarted
from actors._supervisor import Family
from tests.runtime.bus.delivery.jobs import Job


def tenants_of(bus, channel="jobs"):
    """The names of the tenants that have an actor now."""
    actors = {actor.path: actor for actor in bus.system.tree().walk()}
    names = (child.name for child in actors[f"shop/channels/{channel}"].children)
    return sorted(name for name in names if name != "intake")


@pytest.mark.parametrize(
    "rule", [field("tenant"), header("tenant"), lambda job, headers: job.tenant]
)
async def test_the_tenant_comes_from_a_field_a_header_or_a_function(autojump_clock, bus, log, rule):
    bus.add_channel(DynamicChannel("jobs", tenant=rule))

    @bus.event_handler(channel="jobs", endpoint_id="work")
    async def work(event: Job):
        log.note(event)

    async with bus.running():
        for number, tenant in enumerate(["b", "a", "b"]):
            await bus.events.publish(Job(number, tenant), headers={"tenant": tenant})
        await trio.sleep(1)
        tenants = tenants_of(bus)
        paths = {actor.path for actor in bus.system.tree().walk()}

    assert (sorted(log.handled), tenants) == ([0, 1, 2], ["a", "b"])
    assert {"shop/channels/jobs/a/work", "shop/channels/jobs/b/work"} <= paths


async def test_a_message_without_a_tenant_is_refused_to_its_sender(autojump_clock, bus):
    bus.add_channel(DynamicChannel("jobs", tenant=header("carrier")))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        pass

    async with bus.running():
        with pytest.raises(InvalidTenant, match="no header 'carrier'"):
            await bus.events.publish(Job(1))


async def test_an_idle_tenant_ends_and_is_made_again_on_demand(autojump_clock, bus, log):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), idle_timeout=60.0))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.note(event)

    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        await bus.events.publish(Job(1, "a"))
        await trio.sleep(30)
        early = tenants_of(bus)
        await trio.sleep(60)
        late = tenants_of(bus)
        await bus.events.publish(Job(2, "a"))
        await trio.sleep(1)

    assert (early, late, log.handled) == (["a"], [], [1, 2])
    assert len(log.of(TenantStarted)) == 2
    assert len(log.of(TenantEnded)) == 1


async def test_a_tenant_that_works_is_not_idle(autojump_clock, bus, log):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), idle_timeout=60.0))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        await trio.sleep(1000)
        log.note(event)

    async with bus.running():
        await bus.events.publish(Job(1, "a"))
        await trio.sleep(500)
        tenants = tenants_of(bus)
        await trio.sleep(600)

    assert (tenants, log.handled) == (["a"], [1])


async def test_a_tenant_whose_name_no_path_could_hold_has_a_channel_too(autojump_clock, bus, log):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.note(event)

    async with bus.running():
        for number, tenant in enumerate(["a/b", "intake", "..", "ü", "%2F"]):
            await bus.events.publish(Job(number, tenant))
        await trio.sleep(1)

    assert sorted(log.handled) == [0, 1, 2, 3, 4]


async def test_an_unknown_tenant_is_refused_to_the_sender(autojump_clock, bus):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), tenants={"a"}, unknown="error"))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        pass

    async with bus.running():
        with pytest.raises(UnknownTenant, match="knows no tenant 'x'"):
            await bus.events.publish(Job(1, "x"))


async def test_an_unknown_tenants_messages_go_to_the_dead_letters(autojump_clock, bus, log):
    bus.add_channel(
        DynamicChannel("jobs", tenant=field("tenant"), tenants={"a"}, unknown="dead_letter")
    )

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.note(event)

    async with bus.running():
        await bus.events.publish(Job(1, "x"))
        await bus.events.publish(Job(2, "a"))
        await trio.sleep(1)
        [letter] = await bus.dead_letters.list()

    assert (letter.reason, letter.tenant, log.handled) == ("unknown tenant", "x", [2])


async def test_an_unknown_tenants_messages_may_be_another_ones(autojump_clock, bus, log):
    bus.add_channel(
        DynamicChannel("jobs", tenant=field("tenant"), tenants={"a", "rest"}, unknown="rest")
    )

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.note(event)

    async with bus.running():
        await bus.events.publish(Job(1, "x"))
        await trio.sleep(1)
        tenants = tenants_of(bus)

    assert (log.handled, tenants) == ([1], ["rest"])


async def test_more_tenants_than_may_live_at_once_take_turns(autojump_clock, bus, log):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), max_active=2))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.note(event)
        await trio.sleep(1)

    most = 0
    async with bus.running():
        for number in range(10):
            await bus.events.publish(Job(number, f"t{number}"))
        for _ in range(40):
            await trio.sleep(0.5)
            most = max(most, len(tenants_of(bus)))

    assert sorted(log.handled) == list(range(10))
    assert most <= 2


async def test_a_tenants_failures_are_its_own(autojump_clock, bus, log, endpoint):
    """One tenant's dependency is down, another's messages are poison: the third notices nothing."""
    bus.add_channel(
        DynamicChannel(
            "jobs",
            tenant=field("tenant"),
            retry=Retry(attempts=3),
            backoff=Backoff(initial=1.0, maximum=60.0),
            idle_timeout=3600.0,
        )
    )

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        if event.tenant == "down":
            raise ConnectionError
        if event.tenant == "poison":
            raise ValueError
        log.note(event)

    async with bus.running():
        for number in range(50):
            for tenant in ("down", "poison", "well"):
                await bus.events.publish(Job(number, tenant))
        await trio.sleep(600)
        down, poison, well = [await endpoint(bus, "work", t) for t in ("down", "poison", "well")]

    assert (well.handled, well.retried, well.restarts, well.outages) == (50, 0, 0, 0)
    assert (poison.dead, poison.restarts, poison.outages) == (50, 0, 0)
    assert (down.dead, down.retried, down.condition) == (0, 0, "sick")
    assert down.restarts > 3
    assert max(log.at) < 1.0


async def test_workers_are_shared_and_none_has_more_than_its_concurrency(
    autojump_clock, bus, endpoint
):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), workers=6, concurrency=4))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        await trio.sleep(10)

    async with bus.running():
        for number in range(20):
            for tenant in "abc":
                await bus.events.publish(Job(number, tenant))
        running = []
        await trio.sleep(5)
        for _ in range(7):
            running.append([(await endpoint(bus, "work", tenant)).running for tenant in "abc"])
            await trio.sleep(10)
        await trio.sleep(200)

    assert all(max(counts) <= 4 and sum(counts) == 6 for counts in running)
    assert bus.counters.handled == 60


async def test_a_tenant_holds_no_unstarted_message_beyond_its_concurrency_while_another_waits(
    autojump_clock, bus, endpoint
):
    """It may hoard while it is alone; when another comes, it gives back."""
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), workers=2, concurrency=2))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        await trio.sleep(10)

    async with bus.running():
        for number in range(80):
            await bus.events.publish(Job(number, "big"))
        await trio.sleep(15)
        alone = await endpoint(bus, "work", "big")
        await bus.events.publish(Job(1, "small"))
        await trio.sleep(1)
        beside = await endpoint(bus, "work", "big")

    assert alone.in_flight - alone.running > 2
    assert beside.in_flight - beside.running <= 2


async def test_a_small_tenant_is_served_beside_a_big_one(autojump_clock, bus):
    """Median dwell of lone messages: at most twice the idle one plus one handler's time."""
    handler_time = 0.05
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), workers=4, concurrency=4))
    sent, idle, beside = {}, [], []
    dwell = idle

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        if event.tenant == "small":
            dwell.append(trio.current_time() - sent[event.number])
        await trio.sleep(handler_time)

    async def send_small(first):
        for number in range(first, first + 20):
            sent[number] = trio.current_time()
            await bus.events.publish(Job(number, "small"))
            await trio.sleep(1)

    async with bus.running():
        await send_small(0)
        dwell = beside
        for number in range(5000):
            await bus.events.publish(Job(number, "big"))
        await send_small(100)

    assert len(idle) == len(beside) == 20
    assert median(beside) <= 2 * median(idle) + handler_time


async def test_ending_a_tenant_looks_at_none_of_the_others(autojump_clock, bus, log, monkeypatch):
    """Ending thousands at once takes time in proportion to their number, not to its square."""
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), idle_timeout=60.0))

    @bus.event_handler(channel="jobs")
    async def work(event: Job):
        log.note(event)

    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        for number in range(5):
            await bus.events.publish(Job(number, f"tenant-{number}"))
        await trio.sleep(30)
        looked = []
        monkeypatch.setattr(Family, "refs", looked.append)
        await trio.sleep(60)
        monkeypatch.undo()

    assert (5, []) == (len(log.of(TenantEnded)), looked)
