"""Rate limits: never more than permitted, and nobody else is held back by it."""

import pytest
import trio

from actorbus import ByLoad, DynamicChannel, Rate, Retry, field
from tests.runtime.bus.delivery.jobs import Job


async def publish(bus, count, tenant="acme"):
    for number in range(count):
        await bus.events.publish(Job(number, tenant))


def most_within(times, seconds):
    """The most starts in any interval of so many seconds."""
    return max(sum(start <= at < start + seconds for at in times) for start in times)


async def test_no_more_begin_than_the_rate_permits(autojump_clock, bus, log):
    bus.add_channel("mail")

    @bus.event_handler(channel="mail", rate_limit=Rate(10, per=1.0, burst=2))
    async def handle(event: Job):
        log.note(event)

    async with bus.running():
        await publish(bus, 52)
        await bus.idle()

    assert len(log.handled) == 52
    assert most_within(log.at, 1.0) <= 12
    assert max(log.at) - min(log.at) == pytest.approx(5.0, abs=0.1)


async def test_what_has_no_permit_is_not_claimed(autojump_clock, bus, log, endpoint):
    """Others may have it meanwhile; the endpoint says that it waits, and for how long."""
    bus.add_channel("mail")

    @bus.event_handler(channel="mail", rate_limit="1/m")
    async def handle(event: Job):
        log.note(event)

    async with bus.running():
        await publish(bus, 5)
        await trio.sleep(12.0)
        health = await endpoint(bus, "handle")

    assert log.handled == [0]
    assert (health.in_flight, health.ready) == (0, 4)
    assert health.throttled_for == pytest.approx(12.0, abs=0.1)
    assert health.next_permit_in == pytest.approx(48.0, abs=0.1)
    assert bus.counters.released == 0


async def test_another_endpoint_of_the_channel_is_not_held_back(autojump_clock, bus, log):
    bus.add_channel("mail")

    @bus.event_handler(channel="mail", rate_limit=Rate(1, per=10.0))
    async def slow(event: Job): ...

    @bus.event_handler(channel="mail")
    async def free(event: Job):
        log.note(event)

    async with bus.running():
        await publish(bus, 50)
        await trio.sleep(1.0)

    assert len(log.handled) == 50
    assert max(log.at) < 0.5


async def test_attempts_are_not_burned_by_waiting(autojump_clock, bus, endpoint):
    bus.add_channel("mail", retry=Retry(attempts=1))

    @bus.event_handler(channel="mail", rate_limit=Rate(1, per=60.0))
    async def handle(event: Job): ...

    async with bus.running():
        await publish(bus, 10)
        await trio.sleep(10 * 60.0 + 1)
        health = await endpoint(bus, "handle")

    assert (health.handled, health.dead, health.retried, health.released) == (10, 0, 0, 0)
    assert health.throttled_for is None


async def test_each_tenant_may_have_a_rate_of_its_own(autojump_clock, bus, log):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))
    at: dict[str, list[float]] = {"busy": [], "quiet": []}

    @bus.event_handler(channel="jobs", rate_limit=Rate(1, per=1.0, by="tenant"))
    async def work(event: Job):
        at[event.tenant].append(trio.current_time())

    async with bus.running():
        await publish(bus, 20, "busy")
        await trio.sleep(5.5)
        await publish(bus, 3, "quiet")
        await bus.idle()

    assert [round(one - at["quiet"][0]) for one in at["quiet"]] == [0, 1, 2]
    assert at["quiet"][0] == pytest.approx(5.5, abs=0.1)
    assert at["busy"][-1] - at["busy"][0] == pytest.approx(19.0, abs=0.1)


async def test_a_rate_of_the_endpoint_is_shared_by_the_tenants_in_turn(autojump_clock, bus):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))
    begun: list[tuple[str, float]] = []

    @bus.event_handler(channel="jobs", rate_limit=Rate(2, per=1.0, burst=1))
    async def work(event: Job):
        begun.append((event.tenant, trio.current_time()))

    async with bus.running():
        for tenant in ("a", "b", "c"):
            await publish(bus, 8, tenant)
        await bus.idle()

    assert most_within([at for _, at in begun], 1.0) <= 3
    assert begun[-1][1] - begun[0][1] == pytest.approx(11.5, abs=0.2)
    for tenant in ("a", "b", "c"):
        assert 3 <= sum(name == tenant for name, _ in begun[:12]) <= 5


async def test_a_failing_message_is_tried_again_within_the_rate(autojump_clock, bus, log):
    bus.add_channel("mail", retry=Retry(attempts=3, initial=0.01, jitter=0.0))

    @bus.event_handler(channel="mail", rate_limit=Rate(1, per=1.0))
    async def handle(event: Job):
        log.note(event)
        raise ValueError

    async with bus.running():
        await publish(bus, 2)
        await trio.sleep(60)

    assert len(log.handled) == 6
    assert most_within(log.at, 1.0) <= 2


async def test_concurrency_by_load_grows_while_it_does_good(autojump_clock, bus, endpoint):
    """The service takes 6 calls side by side; more of them wait for each other."""
    bus.add_channel("calls", max_in_flight=200)
    running, most = 0, 0

    @bus.event_handler(channel="calls", concurrency=ByLoad(minimum=1, maximum=50))
    async def call(event: Job):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(0.1 * max(1.0, running / 6))
        running -= 1

    async with bus.running():
        await publish(bus, 1500)
        await trio.sleep(10)
        health = await endpoint(bus, "call")
        await bus.idle()

    assert 5 <= health.concurrency <= 14
    assert most <= 16


async def test_concurrency_by_load_may_be_the_channels(autojump_clock, bus, endpoint):
    bus.add_channel("calls", concurrency=ByLoad(minimum=2, maximum=4))
    running, most = 0, 0

    @bus.event_handler(channel="calls")
    async def call(event: Job):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(0.1)
        running -= 1

    async with bus.running():
        await publish(bus, 100)
        await bus.idle()
        health = await endpoint(bus, "call")

    assert most == health.concurrency == 4


async def test_tenants_that_share_a_rate_claim_no_more_than_it_permits(
    autojump_clock, bus, endpoint
):
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant")))

    @bus.event_handler(channel="jobs", rate_limit=Rate(1, per=100.0, burst=3))
    async def work(event: Job):
        await trio.sleep(0.01)

    async with bus.running():
        await bus.events.publish_many([Job(n, tenant) for n in range(4) for tenant in "abc"])
        await trio.sleep(1.0)
        tenants = [await endpoint(bus, "work", tenant) for tenant in "abc"]

    assert sum(one.handled for one in tenants) == 3
    assert [one.in_flight for one in tenants] == [0, 0, 0]
