"""Dynamic channels: who a message belongs to, who is unknown, how many there may be."""

from dataclasses import dataclass

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actorbus import (
    ActorBus,
    DeadLetterFilter,
    DynamicChannel,
    EventBus,
    FailedMessage,
    Headers,
    InvalidTenant,
    MessageDied,
    MessageDiverted,
    RoundRobinChannel,
    RoutedChannel,
    TooManyTenants,
    Transaction,
    UnknownTenant,
    header,
)


@dataclass(frozen=True)
class Job:
    number: int


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


class Shop:
    """A bus with one subscriber on the channel "jobs", and what it handled: (number, tenant)."""

    def __init__(self, store, *channels, handler_on="jobs"):
        self.handled = []
        self.began = trio.Event()
        self.bus = ActorBus("shop", store)
        for channel in channels:
            self.bus.add_channel(channel)

        @self.bus.event_handler(channel=handler_on, endpoint_id="work")
        async def work(event: Job, headers: Headers):
            self.handled.append((event.number, headers.tenant))
            self.began.set()

    async def send(self, number, **headers):
        await self.bus.events.publish(Job(number), headers=headers)


def jobs(**options):
    return DynamicChannel("jobs", tenant=header("tenant"), **options)


async def queues(bus):
    """How many messages lie where: (channel, tenant) -> (ready, parked)."""
    found = await bus.store.statistics()
    return {(one.channel, one.tenant): (one.ready, one.parked) for one in found}


# ------------------------------------------------------------------------- unknown, by the policy


async def test_create_makes_a_channel_for_every_name(store):
    shop = Shop(store, jobs())
    async with shop.bus.running():
        await shop.send(1, tenant="acme")
        await shop.send(2, tenant="never heard of")
        await shop.bus.idle()

    assert sorted(shop.handled) == [(1, "acme"), (2, "never heard of")]


@pytest.mark.parametrize(
    "tenants", [{"acme"}, {"ACME Inc.": "acme"}, lambda: ["acme"]], ids=["set", "map", "function"]
)
async def test_error_tells_the_sender_also_of_a_header_that_is_there_but_stands_for_nobody(
    store, tenants
):
    shop = Shop(store, jobs(tenants=tenants, unknown="error"))
    async with shop.bus.running():
        with pytest.raises(UnknownTenant, match="'jobs' knows no tenant 'nobody'"):
            await shop.send(1, tenant="nobody")
        with pytest.raises(InvalidTenant, match="no header 'tenant'"):
            await shop.send(2)
        await shop.bus.idle()
        stored = await queues(shop.bus)

    assert (shop.handled, stored) == ([], {})


@pytest.mark.parametrize("headers", [{"tenant": "nobody"}, {}], ids=["unmapped", "absent"])
async def test_dead_letter_stores_it_and_says_so_in_events_and_dead_letters(store, headers):
    shop = Shop(store, jobs(tenants={"acme"}, unknown="dead_letter"))
    events = []
    async with shop.bus.running():
        shop.bus.system.events.subscribe(events.append, MessageDied)
        await shop.send(1, **headers)
        await shop.send(2, tenant="acme")
        await shop.bus.idle()
        tenant = headers.get("tenant", "")
        [letter] = await shop.bus.dead_letters.list(DeadLetterFilter(tenant=tenant))

    assert (shop.handled, letter.tenant, letter.reason) == ([(2, "acme")], tenant, "unknown tenant")
    assert [(one.tenant, one.copy_id) for one in events] == [(tenant, letter.copy_id)]
    assert shop.bus.counters.dead == 1


@pytest.mark.parametrize("headers", [{"tenant": "nobody"}, {}], ids=["unmapped", "absent"])
async def test_with_an_error_channel_what_is_nobodys_goes_there(store, headers):
    """As all that failed for good; it says the tenant and the reason, and can be a dead letter."""
    options = {"tenants": {"acme"}, "unknown": "dead_letter", "error_channel": "failed"}
    shop = Shop(store, jobs(**options))
    shop.bus.add_channel("failed")
    looked_at, events = [], []

    @shop.bus.error_handler(channel="failed")
    async def look_at(failed: FailedMessage):
        looked_at.append((failed.message, failed.endpoint, failed.tenant, failed.reason))
        failed.dead_letter("nobody's")

    async with shop.bus.running():
        shop.bus.system.events.subscribe(events.append, MessageDiverted)
        await shop.send(1, **headers)
        await shop.bus.idle()
        [letter] = await shop.bus.dead_letters.list()

    tenant = headers.get("tenant", "")
    assert looked_at == [(Job(1), "work", tenant, "unknown tenant")]
    assert (letter.endpoint, letter.tenant, letter.channel) == ("work", tenant, "jobs")
    assert [(one.tenant, one.reason, one.error_channel) for one in events] == [
        (tenant, "unknown tenant", "failed")
    ]
    assert (shop.handled, shop.bus.counters.diverted) == ([], 1)


@pytest.mark.parametrize("headers", [{"tenant": "nobody"}, {}], ids=["unmapped", "absent"])
async def test_a_default_tenant_gets_what_is_nobodys(store, headers):
    shop = Shop(store, jobs(tenants={"acme", "lost and found"}, unknown="lost and found"))
    async with shop.bus.running():
        await shop.send(1, **headers)
        await shop.bus.idle()

    assert shop.handled == [(1, "lost and found")]


@pytest.mark.parametrize("headers", [{"tenant": "nobody"}, {}], ids=["unmapped", "absent"])
async def test_a_default_channel_gets_what_is_nobodys(store, headers):
    shop = Shop(store, jobs(tenants={"acme"}, unknown="stray"))
    shop.bus.add_channel("stray")
    async with shop.bus.running():
        await shop.send(1, **headers)
        await shop.send(2, tenant="acme")
        await shop.bus.idle()
        health = await shop.bus.health()

    assert sorted(shop.handled) == [(1, ""), (2, "acme")]
    assert {one.channel: one.claimed for one in health.channels} == {"jobs": 1, "stray": 1}


@pytest.mark.parametrize("headers", [{"tenant": "nobody"}, {}], ids=["unmapped", "absent"])
async def test_park_holds_it_back_with_a_reason_and_lists_it(store, headers):
    shop = Shop(store, jobs(tenants={"acme"}, unknown="park"))
    async with shop.bus.running():
        await shop.send(1, **headers)
        await shop.send(2, tenant="acme")
        await shop.bus.idle()
        [listed] = await shop.bus.parked.list(channel="jobs")
        reason = "unknown tenant" if headers else "no tenant"

        assert (listed.tenant, listed.reason) == (headers.get("tenant", ""), reason)
        assert (listed.endpoint, listed.count) == ("work", 1)
        assert shop.handled == [(2, "acme")]

        count = await shop.bus.parked.unpark(channel="jobs", reason=reason, to_tenant="acme")
        await shop.bus.idle()

    assert (count, shop.handled) == (1, [(2, "acme"), (1, "acme")])


async def test_what_is_unparked_while_its_tenant_is_unknown_is_parked_again(store):
    shop = Shop(store, jobs(tenants={"acme"}, unknown="park"))
    async with shop.bus.running():
        await shop.send(1, tenant="nobody")
        await shop.bus.parked.unpark()
        await shop.bus.idle()
        listed = await shop.bus.parked.list()

    assert (shop.handled, [one.count for one in listed]) == ([], [1])


async def test_a_parked_message_goes_on_when_its_tenant_is_added(store):
    known = ["acme"]
    shop = Shop(store, jobs(tenants=lambda: list(known), unknown="park"))
    async with shop.bus.running():
        await shop.send(1, tenant="newcomer")
        known.append("newcomer")
        await shop.bus.refresh_tenants("jobs")
        await shop.bus.idle()

    assert shop.handled == [(1, "newcomer")]


async def test_an_answer_from_before_never_replaces_a_later_one(store):
    """The look that a miss brings about has asked before the tenant was added, and is slow."""
    known, asked = ["acme"], []
    begun, go_on = trio.Event(), trio.Event()

    async def tenants():
        answer = list(known)
        asked.append(answer)
        if len(asked) == 2:
            begun.set()
            await go_on.wait()
        return answer

    shop = Shop(store, jobs(tenants=tenants, unknown="park"))
    async with shop.bus.running():
        await shop.send(1, tenant="newcomer")
        await begun.wait()
        known.append("newcomer")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shop.bus.refresh_tenants, "jobs")
            await trio.testing.wait_all_tasks_blocked()
            go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        await shop.send(2, tenant="newcomer")
        listed = await shop.bus.parked.list()
        await shop.bus.idle()

    assert (listed, sorted(shop.handled)) == ([], [(1, "newcomer"), (2, "newcomer")])


async def test_a_parked_message_goes_on_in_the_next_run_that_knows_its_tenant(tmp_path):
    store = f"sqlite:///{tmp_path / 'bus.db'}"
    first = Shop(store, jobs(tenants={"ACME Inc.": "acme"}, unknown="park"))
    async with first.bus.running():
        await first.send(1, tenant="New Inc.")
        await first.bus.idle()

    second = Shop(store, jobs(tenants={"ACME Inc.": "acme", "New Inc.": "new"}, unknown="park"))
    async with second.bus.running():
        with trio.fail_after(10):
            await second.began.wait()

    assert (first.handled, second.handled) == ([], [(1, "new")])


async def test_consume_for_handles_what_was_parked_for_a_tenant_that_is_known_by_now(tmp_path):
    """Nothing is ready when such a run begins; it is to let go on what was parked first."""
    store = f"sqlite:///{tmp_path / 'bus.db'}"
    first = Shop(store, jobs(tenants={"acme"}, unknown="park"))
    async with first.bus.running(consume="none"):
        await first.send(1, tenant="new")

    second = Shop(store, jobs(tenants=lambda: ["acme", "new"], unknown="park"))
    handled = await second.bus.consume_for(60)

    assert (handled, second.handled) == (1, [(1, "new")])


@pytest.mark.parametrize(
    ("unknown", "left"),
    [("error", []), ("dead_letter", []), ("park", [("gone", "unknown tenant")])],
)
async def test_what_was_stored_for_a_tenant_that_was_removed_follows_the_policy(
    tmp_path, unknown, left
):
    store = f"sqlite:///{tmp_path / 'bus.db'}"
    before = Shop(store, jobs(tenants={"acme", "gone"}, unknown=unknown))
    async with before.bus.running(consume="none"):
        await before.send(1, tenant="gone")
    after = Shop(store, jobs(tenants={"acme"}, unknown=unknown))
    async with after.bus.running():
        await after.bus.idle()
        parked = [(one.tenant, one.reason) for one in await after.bus.parked.list()]
        dead = [(one.tenant, one.reason) for one in await after.bus.dead_letters.list()]

    assert (after.handled, parked) == ([], left)
    assert dead == ([] if left else [("gone", "unknown tenant")])


async def test_what_was_stored_for_a_removed_tenant_goes_to_the_default_channel(tmp_path):
    store = f"sqlite:///{tmp_path / 'bus.db'}"
    before = Shop(store, jobs(tenants={"acme", "gone"}, unknown="error"))
    async with before.bus.running(consume="none"):
        await before.send(1, tenant="gone")
    after = Shop(store, jobs(tenants={"acme"}, unknown="stray"))
    after.bus.add_channel("stray")
    async with after.bus.running():
        await after.bus.idle()

    assert after.handled == [(1, "")]


async def test_values_of_a_header_can_stand_for_tenants(store):
    shop = Shop(store, jobs(tenants={"LH": "lufthansa", "LX": "swiss"}, unknown="create"))
    async with shop.bus.running():
        for number, value in enumerate(["LH", "LX", "BA"]):
            await shop.send(number, tenant=value)
        await shop.bus.idle()

    assert sorted(shop.handled) == [(0, "lufthansa"), (1, "swiss"), (2, "BA")]


# ------------------------------------------------------------------------------- asked who is known


async def test_tenants_can_come_from_a_table(store):
    async def from_the_table(tx: Transaction):
        rows = await tx.fetch("SELECT name FROM sqlite_master WHERE name = 'actorbus_messages'")
        return [row[0] for row in rows]

    shop = Shop(store, jobs(tenants=from_the_table, unknown="error"))
    async with shop.bus.running():
        await shop.send(1, tenant="actorbus_messages")
        await shop.bus.idle()

    assert shop.handled == [(1, "actorbus_messages")]


async def test_a_function_that_fails_at_the_start_is_the_starts_failure(store):
    def broken():
        raise LookupError("no table")

    shop = Shop(store, jobs(tenants=broken, unknown="error"))
    with pytest.raises(LookupError, match="no table") as caught:
        async with shop.bus.running():
            pass

    assert caught.value.__notes__ == ["channel 'jobs': its tenants= function failed"]


# ------------------------------------------------------------------------------------- how many


async def test_a_flood_of_made_up_tenants_ends_at_the_limit_for_its_sender(store):
    shop = Shop(store, jobs(max_tenants=3))
    async with shop.bus.running(consume="none"):
        for number in range(3):
            await shop.send(number, tenant=f"made up {number}")
        with pytest.raises(TooManyTenants, match="3 tenants.*max_tenants=.*'one more'"):
            await shop.send(9, tenant="one more")
        await shop.send(4, tenant="made up 1")
        stored = await queues(shop.bus)

    assert stored == {
        ("jobs", "made up 0"): (1, 0),
        ("jobs", "made up 1"): (2, 0),
        ("jobs", "made up 2"): (1, 0),
    }


async def test_parked_messages_of_made_up_tenants_count_too(store):
    shop = Shop(store, jobs(tenants={"acme"}, unknown="park", max_tenants=2))
    async with shop.bus.running():
        await shop.send(1, tenant="made up 1")
        await shop.send(2, tenant="made up 2")
        with pytest.raises(TooManyTenants):
            await shop.send(3, tenant="made up 3")
        await shop.send(4, tenant="acme")
        await shop.bus.idle()

    assert shop.handled == [(4, "acme")]


# -------------------------------------------------------------------------- on to other channels


async def test_a_routed_channel_sends_on_by_a_header(store):
    shop = Shop(
        store,
        RoutedChannel("jobs", route=header("region"), to={"eu": "jobs-eu", "us": "jobs-us"}),
    )
    shop.bus.add_channel("jobs-eu")
    shop.bus.add_channel("jobs-us")
    async with shop.bus.running(consume="none"):
        await shop.send(1, region="eu")
        await shop.send(2, region="us")
        with pytest.raises(UnknownTenant, match="'jobs' has no route for 'mars'"):
            await shop.send(3, region="mars")
        with pytest.raises(InvalidTenant, match="no header 'region'"):
            await shop.send(4)
        stored = await queues(shop.bus)

    assert stored == {("jobs-eu", ""): (1, 0), ("jobs-us", ""): (1, 0)}


async def test_handlers_of_a_routed_channel_take_from_all_that_it_leads_to(store):
    shop = Shop(
        store,
        RoutedChannel(
            "jobs", route=lambda job, headers: str(job.number % 2), to={"0": "even", "1": "odd"}
        ),
    )
    shop.bus.add_channel("even")
    shop.bus.add_channel("odd", concurrency=2)
    async with shop.bus.running():
        for number in range(10):
            await shop.send(number)
        await shop.bus.idle()
        health = await shop.bus.health()

    assert sorted(number for number, _ in shop.handled) == list(range(10))
    assert [(one.channel, one.claimed) for one in health.channels] == [("even", 5), ("odd", 5)]


async def test_a_routed_channel_leads_to_tenants_too(store):
    shop = Shop(
        store,
        RoutedChannel("sorting", route=header("kind"), to={"job": "jobs"}, unknown="rest"),
        jobs(),
        handler_on="sorting",
    )
    shop.bus.add_channel("rest")
    async with shop.bus.running():
        await shop.send(1, kind="job", tenant="acme")
        await shop.send(2, kind="else")
        await shop.bus.idle()

    assert sorted(shop.handled) == [(1, "acme"), (2, "")]


async def test_a_routed_channel_can_park(tmp_path):
    """What it parked goes on in the next run that has a route for it."""
    store = f"sqlite:///{tmp_path / 'bus.db'}"
    first = Shop(store, RoutedChannel("jobs", route=header("to"), to=["a"], unknown="park"))
    first.bus.add_channel("a")
    async with first.bus.running():
        await first.send(1, to="b")
        await first.bus.idle()
        [listed] = await first.bus.parked.list()

    second = Shop(store, RoutedChannel("jobs", route=header("to"), to=["a", "b"], unknown="park"))
    second.bus.add_channel("a")
    second.bus.add_channel("b")
    async with second.bus.running():
        with trio.fail_after(10):
            await second.began.wait()

    assert (listed.channel, listed.tenant, listed.reason) == ("jobs", "b", "unknown route")
    assert (first.handled, second.handled) == ([], [(1, "")])


async def test_round_robin_deals_out_in_turn(store):
    shop = Shop(store, RoundRobinChannel("jobs", ["a", "b", "c"]))
    for name in "abc":
        shop.bus.add_channel(name)
    async with shop.bus.running(consume="none"):
        for number in range(7):
            await shop.send(number)
        stored = await queues(shop.bus)
    assert stored == {("a", ""): (3, 0), ("b", ""): (2, 0), ("c", ""): (2, 0)}


async def test_consuming_a_routing_channel_consumes_what_it_leads_to(store):
    shop = Shop(store, RoundRobinChannel("jobs", ["a", "b"]))
    shop.bus.add_channel("a")
    shop.bus.add_channel("b")
    async with shop.bus.running(consume=["jobs"]):
        for number in range(4):
            await shop.send(number)
        await shop.bus.idle()

    assert len(shop.handled) == 4


async def test_an_outbox_gateway_leads_on_to_a_routed_channel(store):
    """The first hop is the outbox; the value is looked at again on the second."""

    class OutboxEventBus(EventBus, channel="outbox"):
        pass

    shop = Shop(store, RoutedChannel("jobs", route=header("to"), to=["a"]))
    shop.bus.add_channel("a")
    shop.bus.add_channel("outbox")
    gateway = shop.bus.gateway(OutboxEventBus)
    async with shop.bus.running():
        await gateway.publish(Job(1), headers={"to": "a"})
        with pytest.raises(UnknownTenant):
            await gateway.publish(Job(2), headers={"to": "b"})
        await shop.bus.idle()

    assert shop.handled == [(1, "")]


# ------------------------------------------------------------- many tenants, and those that end


async def busy_for(monkeypatch, tenants, messages):
    """Virtual seconds that one busy tenant needs, the claims it takes, while others are idle."""
    bus, done, claims = ActorBus("shop", seed=1), trio.Event(), []
    bus.add_channel(jobs(idle_timeout=10_000.0))
    left = messages

    @bus.event_handler(channel="jobs")
    async def work(event: Job, headers: Headers):
        nonlocal left
        if headers.tenant == "busy":
            await trio.sleep(0.01)
            left -= 1
            if not left:
                done.set()

    async with bus.running():
        for number in range(tenants - 1):
            await bus.events.publish(Job(0), headers={"tenant": f"idle {number}"})
        await bus.idle()
        live = len((await bus.health()).channels[0].endpoints)
        await bus.pause("jobs")
        for number in range(messages):
            await bus.events.publish(Job(number), headers={"tenant": "busy"})
        claim = bus.store.claim

        async def counted(demands):
            claims.append(len(demands))
            return await claim(demands)

        monkeypatch.setattr(bus.store, "claim", counted)
        start = trio.current_time()
        await bus.resume("jobs")
        await done.wait()
        seconds = trio.current_time() - start
    assert live == tenants - 1
    return seconds, len(claims)


async def test_one_busy_tenant_of_a_thousand_is_as_fast_as_alone(autojump_clock, monkeypatch):
    """In the time that its handlers take, and in the number of claims; the rate is a benchmark."""
    alone, claims_alone = await busy_for(monkeypatch, 1, 1_000)
    among, claims_among = await busy_for(monkeypatch, 1_000, 1_000)

    assert alone / among >= 0.9
    assert claims_among <= claims_alone + 10


@pytest.mark.parametrize("max_active", [1, 2, 100])
async def test_a_tenant_that_ends_while_a_message_arrives_loses_nothing(autojump_clock, max_active):
    """Messages come at all moments around the end of idle tenants, in steps of a hundredth."""
    shop = Shop(":memory:", jobs(idle_timeout=1.0, max_active=max_active))
    sent = 0
    async with shop.bus.running():
        for step in range(150):
            for tenant in ("a", "b", "c"):
                await shop.send(sent, tenant=tenant)
                sent += 1
            await trio.sleep(0.5 + step / 100)
        await shop.bus.idle()

    assert sorted(number for number, _ in shop.handled) == list(range(sent))


@given(
    steps=st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 2.5)), min_size=1, max_size=30),
    max_active=st.integers(1, 4),
    seconds=st.sampled_from([0.0, 0.3, 1.5]),
)
@settings(max_examples=40)
def test_no_order_of_arrivals_and_ends_loses_a_message(steps, max_active, seconds):
    """Handlers that take longer than the idle time included; each message is handled once."""
    handled = []

    async def main():
        bus = ActorBus("shop", seed=1, clock=None)
        bus.add_channel(jobs(idle_timeout=0.5, max_active=max_active))

        @bus.event_handler(channel="jobs")
        async def work(event: Job):
            await trio.sleep(seconds)
            handled.append(event.number)

        async with bus.running():
            for number, (tenant, pause) in enumerate(steps):
                await bus.events.publish(Job(number), headers={"tenant": tenant})
                await trio.sleep(pause)
            await bus.idle()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    assert sorted(handled) == list(range(len(steps)))


async def test_a_flood_of_names_without_a_place_is_refused_and_fills_no_mailbox():
    """The router hears of the first one, and of no other before it has taken notice."""
    shop, refused = Shop(":memory:", jobs(max_tenants=1)), 0
    async with shop.bus.running(consume="none"):
        await shop.send(0, tenant="a")
        for number in range(10_050):
            try:
                await shop.send(number, tenant=f"made up {number}")
            except TooManyTenants:
                refused += 1
    assert refused == 10_050
