"""Who is known changes while the bus runs; tenants with options of their own; limits."""

import logging

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    DynamicChannel,
    Retry,
    RoundRobinChannel,
    RoutedChannel,
    TooManyTenants,
    UnknownTenant,
    field,
)
from actorbus._bus_events import TenantOptionsFailed, TenantsNotRefreshed
from tests.runtime.bus.delivery.jobs import Job


def listening(bus, log):
    @bus.event_handler(channel="jobs", endpoint_id="work")
    async def work(event: Job):
        log.note(event)


def jobs(**options):
    return DynamicChannel("jobs", tenant=field("tenant"), **options)


async def test_a_function_is_asked_again_and_tenants_come_and_go(autojump_clock, bus, log):
    known = ["a"]

    async def tenants():
        return list(known)

    bus.add_channel(jobs(tenants=tenants, unknown="error", refresh=60.0))
    listening(bus, log)
    async with bus.running():
        await bus.events.publish(Job(1, "a"))
        known[:] = ["b"]
        await trio.sleep(61)
        await bus.events.publish(Job(2, "b"))
        with pytest.raises(UnknownTenant):
            await bus.events.publish(Job(3, "a"))
        await bus.idle()

    assert log.handled == [1, 2]


async def test_a_name_that_is_not_known_has_the_function_asked_soon(autojump_clock, bus, log):
    """At most once a second, however many such names are sent."""
    known, asked = ["a"], []

    async def tenants():
        asked.append(trio.current_time())
        return list(known)

    bus.add_channel(jobs(tenants=tenants, unknown="error", refresh=3600.0))
    listening(bus, log)
    async with bus.running():
        known.append("b")
        for _ in range(100):
            with pytest.raises(UnknownTenant):
                await bus.events.publish(Job(1, "b"))
        await trio.sleep(0.1)
        await bus.events.publish(Job(2, "b"))
        await bus.idle()

    assert (log.handled, len(asked)) == ([2], 2)


async def test_while_the_function_fails_those_known_before_stay_known(autojump_clock, bus, log):
    fails = []

    async def tenants():
        if fails:
            raise LookupError("no table")
        return ["a"]

    bus.add_channel(jobs(tenants=tenants, unknown="error", refresh=10.0))
    listening(bus, log)
    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        fails.append(True)
        await trio.sleep(65)
        await bus.events.publish(Job(1, "a"))
        await bus.idle()

    delays = [event.delay for event in log.of(TenantsNotRefreshed)]
    assert log.handled == [1]
    assert delays == sorted(delays)
    assert len(delays) >= 3


@pytest.mark.parametrize("answer", ["acme", 5, [""], [7], {"a": ""}])
async def test_what_the_function_returns_is_checked(autojump_clock, bus, log, answer):
    bus.add_channel(jobs(tenants=lambda: answer, unknown="error"))
    listening(bus, log)
    with pytest.raises(ValueError, match="channel 'jobs': tenants= gave"):
        async with bus.running():
            pass


async def test_a_tenant_can_have_options_of_its_own(autojump_clock, bus, log):
    def options(tenant):
        return {"concurrency": 1, "retry": Retry(attempts=1)} if tenant == "small" else None

    bus.add_channel(jobs(tenant_options=options, concurrency=4))
    running, most = {"small": 0, "big": 0}, {"small": 0, "big": 0}

    @bus.event_handler(channel="jobs", endpoint_id="work")
    async def work(event: Job):
        name = event.tenant
        running[name] += 1
        most[name] = max(most[name], running[name])
        await trio.sleep(1)
        running[name] -= 1
        if event.number == 0:
            raise ValueError

    async with bus.running():
        await bus.events.publish_many(
            Job(number, tenant) for number in range(10) for tenant in ("small", "big")
        )
        await trio.sleep(60)
        letters = await bus.dead_letters.list()

    assert most == {"small": 1, "big": 4}
    assert sorted((one.tenant, one.attempts) for one in letters) == [("big", 5), ("small", 1)]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"workers": 5}, "no option 'workers' of its own"),
        ({"concurrency": 0}, "concurrency=0 is not a whole number"),
        (5, "keys"),
    ],
)
async def test_wrong_options_of_a_tenant_are_an_event_and_the_channels_hold(
    autojump_clock, bus, log, answer, text
):
    bus.add_channel(jobs(tenant_options=lambda tenant: answer))
    listening(bus, log)
    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        await bus.events.publish(Job(1, "a"))
        await bus.idle()

    [failed] = log.of(TenantOptionsFailed)
    assert (log.handled, failed.tenant) == ([1], "a")
    assert text in str(failed.exception)


async def test_places_are_free_again_once_the_messages_are_handled(autojump_clock, bus, log):
    """Counted anew at most once a second, when a tenant found no place."""
    bus.add_channel(jobs(max_tenants=5))
    listening(bus, log)
    async with bus.running():
        for number in range(5):
            await bus.events.publish(Job(number, f"first {number}"))
        await bus.idle()
        with pytest.raises(TooManyTenants):
            await bus.events.publish(Job(5, "second"))
        await trio.sleep(0.1)
        await bus.events.publish(Job(6, "second"))
        await bus.idle()

    assert sorted(log.handled) == [0, 1, 2, 3, 4, 6]


async def test_a_flood_of_made_up_names_leaves_neither_actors_nor_memory(autojump_clock, bus, log):
    bus.add_channel(jobs(max_tenants=50, max_active=20, idle_timeout=1.0))
    listening(bus, log)
    refused = 0
    async with bus.running():
        for number in range(3_000):
            try:
                await bus.events.publish(Job(number, f"made up {number}"))
            except TooManyTenants:
                refused += 1
            if number % 500 == 0:
                await bus.idle()
        await bus.idle()
        await trio.sleep(10)
        directory = bus._run.places.directories["jobs"]
        actors = [actor.path for actor in bus.system.tree().walk() if "made up" in actor.path]

    assert (len(log.handled) + refused, actors) == (3_000, [])
    assert refused > 1_000
    assert len(directory._with_messages) <= 50


# ------------------------------------------------------------------------------ at the start


def problems(*channels):
    bus = ActorBus("shop")
    bus.add_channel("plain")
    for channel in channels:
        bus.add_channel(channel)
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return [problem.text for problem in caught.value.problems]


def test_all_that_is_wrong_with_channels_that_lead_on_is_told_at_once():
    rule = field("tenant")
    found = problems(
        RoutedChannel("a", route=rule, to={"x": "plian", "y": "plain"}),
        RoutedChannel("b", route="region", to=[]),  # type: ignore[arg-type]  # what is refused
        RoutedChannel("c", route=rule, to={"x": "a"}, unknown="lost"),
        RoutedChannel("d", route=rule, to={"x": "jobs"}, unknown="park"),
        RoundRobinChannel("e", "plain"),
        RoundRobinChannel("f", ["plain", "plain"]),
        RoundRobinChannel("plain", ["jobs"]),
        DynamicChannel("jobs", tenant=rule, tenants={"x"}, unknown="refuse"),
        DynamicChannel("g", tenant=rule, tenants=lambda: (), refresh=0, max_active=0),
        DynamicChannel("h", tenant=rule, tenants=lambda one, two: (), unknown="error"),
        DynamicChannel("i", tenant=rule, tenant_options={"a": {}}),  # type: ignore[arg-type]  # what is refused
    )

    expected = [
        "channel 'g': max_active=0 is not a whole number",
        "channel 'g': refresh=0 is not allowed",
        "channel 'i': tenant_options={'a': {}} is not a function",
        "channel 'a': no channel 'plian' that holds messages; did you mean 'plain'?",
        "channel 'b': route='region' is not a rule",
        "channel 'b': to={} is not allowed",
        "channel 'c': no channel 'a' that holds messages",
        "channel 'c': no channel 'lost' that holds messages",
        "channel 'd': unknown='park' cannot be kept for 'jobs'",
        "channel 'e': channels='plain' is not allowed: give a list",
        "channel 'f': channels=['plain', 'plain'] names a channel twice",
        "channel 'plain': is declared already",
        "channel 'jobs': unknown='refuse' is no policy, no known tenant and no channel on",
        "channel 'g': tenants={...} is given and unknown='create' would let every name in",
        "channel 'h': tenants= takes 2 parameters",
    ]
    assert len(found) == len(expected), found
    for text in expected:
        assert any(one.startswith(text) for one in found), text


@pytest.mark.parametrize("name", ["max_threads", "max_processes"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "4"])
def test_the_numbers_of_threads_and_processes_are_checked(name, value):
    bus = ActorBus("shop", **{name: value})
    refused = pytest.raises(BusConfigurationError, match=f"{name}=.* is not a whole number")
    with refused, bus.running_in_thread():
        pass


async def test_the_numbers_of_threads_and_processes_are_the_systems():
    async with ActorBus("shop", max_threads=3, max_processes=2).running() as bus:
        assert bus.system.threads.max_threads == 3
        assert bus.system.processes.max_processes == 2


async def test_functions_that_fail_and_what_is_parked_are_in_the_log(autojump_clock, bus, caplog):
    """With the tenant's name, so that a reader knows whose messages wait."""
    caplog.set_level(logging.INFO, "actorbus")
    known, answers = ["a", "gone"], [ValueError("no"), ValueError("no")]

    def failing(tenant):
        raise ValueError("no options")

    async def throttle(tenant):
        if answers:
            raise answers.pop()
        return True

    async def tenants():
        if not known:
            raise LookupError("no table")
        return list(known)

    bus.add_channel(
        jobs(
            tenants=tenants,
            unknown="park",
            refresh=10.0,
            throttle=throttle,
            tenant_options=failing,
        )
    )

    @bus.event_handler(channel="jobs", endpoint_id="work")
    async def work(event: Job):
        pass

    async with bus.running():
        await bus.events.publish(Job(1, "a"))
        await bus.events.publish(Job(2, "gone"), delay=15)
        known[:] = ["a"]
        await trio.sleep(30)
        known.clear()
        await trio.sleep(12)

    lines = [one.getMessage() for one in caplog.records if one.name == "actorbus"]
    for text in (
        "channel jobs (a): throttle= failed, it is asked again in 1 s: ValueError('no')",
        "channel jobs: tenant_options= failed for a, which has the channel's",
        "work (gone): message",
        "channel jobs: tenants= failed, it is asked again in",
    ):
        assert any(line.startswith(text) for line in lines), (text, lines)
