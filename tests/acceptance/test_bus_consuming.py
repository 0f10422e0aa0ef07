"""Workers: limits, channels by priority, for a while, pauses; each on SQLite and in memory."""

import threading
from dataclasses import dataclass, field, replace

import anyio
import pytest
import trio

from actorbus import (
    ActorBus,
    Batch,
    BusConfigurationError,
    BusStateError,
    DynamicChannel,
    Ending,
    Limits,
    Rate,
    Retry,
    header,
)
from tests.waiting import until


@dataclass(frozen=True)
class Job:
    number: int


@dataclass(frozen=True)
class Parcel:
    number: int


@dataclass
class Shop:
    """A bus with two channels; what its handlers did; and what they wait for."""

    bus: ActorBus
    handled: list[int] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    seconds: float = 0.0
    fails: set[int] = field(default_factory=set)

    async def send(self, *numbers):
        await self.bus.events.publish_many([Job(number) for number in numbers])


def make_shop(store, **options):
    """Return a shop whose bus has this store."""
    bus = ActorBus("shop", store, **options)
    bus.add_channel(
        "orders", retry=Retry(attempts=3, initial=600, maximum=600, jitter=0), concurrency=4
    )
    bus.add_channel("parcels")
    shop = Shop(bus)

    @bus.event_handler(channel="orders", endpoint_id="handle")
    async def handle(job: Job):
        shop.begun.append(job.number)
        await trio.sleep(shop.seconds)
        if job.number in shop.fails:
            raise ValueError("not this one")
        shop.handled.append(job.number)

    @bus.event_handler(channel="parcels", endpoint_id="carry")
    async def carry(parcel: Parcel):
        shop.begun.append(parcel.number)
        shop.handled.append(parcel.number)

    return shop


@pytest.fixture(params=["memory", "file"])
def url(request, tmp_path):
    return ":memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def shop(url):
    return make_shop(url)


@pytest.fixture
def stored(tmp_path):
    """A shop on a file, for runs that find what an earlier one left."""
    return make_shop(f"sqlite:///{tmp_path}/shop.db")


# ------------------------------------------------------------------------------ it must hold: 14


async def test_consume_for_on_an_empty_channel_returns_at_once_with_0(shop):
    """It would take an hour if it waited for its time."""
    async with shop.bus.running(consume="none"):
        with trio.fail_after(60):
            assert await shop.bus.consume_for(3600) == 0
            assert await shop.bus.consume_for(2, ["orders"]) == 0


async def test_consume_for_on_a_busy_channel_ends_after_2_seconds_with_what_it_began(
    autojump_clock,
):
    """Each job takes 0.3 s, 4 at once: after 2 s 28 have begun, and all of those are handled."""
    shop = make_shop(":memory:")
    shop.seconds = 0.3
    async with shop.bus.running(consume="none"):
        await shop.send(*range(1000))
        begun = trio.current_time()
        count = await shop.bus.consume_for(2)
        took = trio.current_time() - begun

    assert count == len(shop.handled) == len(shop.begun) == 28
    assert 2 <= took < 2.5


async def test_consume_for_on_a_busy_file_counts_what_it_handled(stored):
    stored.seconds = 0.02
    async with stored.bus.running(consume="none"):
        await stored.send(*range(1000))
        count = await stored.bus.consume_for(0.3)
        again = await stored.bus.consume_for(0.3)
        ready = sum(queue.ready for queue in await stored.bus.store.statistics())

    assert count > 0
    assert again > 0
    assert count + again == len(stored.handled) == len(stored.begun) == 1000 - ready
    assert stored.bus.counters.handled == count + again


# ------------------------------------------------------------------------------------ for a while


async def test_consume_for_ends_when_all_has_been_handled(shop):
    """A retry that is due later, in 600 seconds here, is not waited for."""
    shop.fails = {3}
    async with shop.bus.running(consume="none"):
        await shop.send(1, 2, 3)
        count = await shop.bus.consume_for(3600)

    assert count == 2
    assert sorted(shop.begun) == [1, 2, 3]


async def test_consume_for_takes_the_named_channels_only(shop):
    async with shop.bus.running(consume="none"):
        await shop.send(1)
        await shop.bus.events.publish(Parcel(9))
        assert await shop.bus.consume_for(60, ["parcels"]) == 1
        assert shop.handled == [9]
        assert await shop.bus.consume_for(60) == 1

    assert shop.handled == [9, 1]


async def test_a_consumed_channel_cannot_be_consumed_for_a_while(shop):
    async with shop.bus.running(consume=["orders"]):
        with pytest.raises(BusStateError, match="'orders' already"):
            await shop.bus.consume_for(1, ["orders"])
        await shop.bus.events.publish(Parcel(9))
        assert await shop.bus.consume_for(60) == 1


async def test_wrong_arguments_of_consume_for_are_refused_together(shop):
    with pytest.raises(BusConfigurationError) as refused:
        await shop.bus.consume_for(0, ["ordres"])

    assert [problem.text for problem in refused.value.problems] == [
        "no channel 'ordres'; did you mean 'orders'? (known: orders, parcels)",
        "seconds=0 is not allowed: give seconds above 0, or a timedelta",
    ]


async def test_calls_of_consume_for_take_turns(shop):
    """Two HTTP requests at once: nothing is handled twice, nothing is left."""
    counts = []

    async def trigger():
        counts.append(await shop.bus.consume_for(60))

    async with shop.bus.running(consume="none"):
        await shop.send(*range(20))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trigger)
            nursery.start_soon(trigger)

    assert sorted(counts) == [0, 20]
    assert sorted(shop.handled) == list(range(20))


async def test_a_bus_that_stops_ends_consume_for(stored):
    counts = []
    stored.seconds = 0.05

    async def consume():
        counts.append(await stored.bus.consume_for(3600))

    async with trio.open_nursery() as nursery, stored.bus.running(consume="none"):
        await stored.send(*range(100))
        nursery.start_soon(consume)
        await until(lambda: len(stored.begun) >= 10)

    assert counts == [len(stored.handled)] == [len(stored.begun)]


def test_consume_for_enters_a_bus_that_does_not_run(stored):
    """On a plain thread, under trio and under asyncio."""
    with stored.bus.running_in_thread(consume="none"):
        for number in range(6):
            stored.bus.events.publish(Job(number)).get()

    assert stored.bus.consume_for(60).get() == 6

    async def from_a_loop():
        async with stored.bus.running(consume="none"):
            await stored.send(7)
        return await stored.bus.consume_for(60)

    assert trio.run(from_a_loop) == 1
    stored.bus._system_options = replace(stored.bus._system_options, runs_on="trio")
    assert anyio.run(from_a_loop, backend="asyncio") == 1
    assert len(stored.handled) == 8


def test_consume_for_inside_a_bus_of_a_plain_program_and_of_asyncio(stored):
    with stored.bus.running_in_thread(consume="none"):
        stored.bus.events.publish(Job(1)).get()
        assert stored.bus.consume_for(60).get() == 1

    async def main():
        async with stored.bus.running(consume="none"):
            await stored.bus.events.publish(Job(2))
            return await stored.bus.consume_for(60)

    stored.bus._system_options = replace(stored.bus._system_options, runs_on="trio")
    assert anyio.run(main, backend="asyncio") == 1


# ---------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("most", [1, 3, 4, 10])
async def test_a_limit_of_messages_is_exact(stored, most):
    """The next one is not begun, although there are more workers than places."""
    async with stored.bus.running(consume="none"):
        await stored.send(*range(20))
    result = await stored.bus.run(limits=Limits(messages=most))

    assert (result.ending, result.handled) == (Ending.LIMIT, most)
    assert len(stored.begun) == len(stored.handled) == most


async def test_one_that_fails_gives_its_place_to_another(stored):
    """Five are handled, and the two that fail are not among them."""
    stored.fails = {0, 2}
    async with stored.bus.running(consume="none"):
        await stored.send(*range(20))
    result = await stored.bus.run(limits=Limits(messages=5))

    assert (result.handled, result.retried, result.dead) == (5, 2, 0)
    assert len(stored.begun) == 7


async def test_a_limit_holds_for_all_channels_and_tenants_together(tmp_path):
    bus = ActorBus("shop", f"sqlite:///{tmp_path}/shop.db")
    bus.add_channel("orders")
    bus.add_channel(DynamicChannel("imports", tenant=header("tenant")))
    begun = []

    @bus.event_handler(channel="orders", endpoint_id="one")
    async def one(job: Job):
        begun.append(job.number)

    @bus.event_handler(channel="imports", endpoint_id="other")
    async def other(job: Job):
        begun.append(job.number)

    async with bus.running(consume="none"):
        for number in range(20):
            await bus.events.publish(Job(number), headers={"tenant": f"t{number % 5}"})
    result = await bus.run(limits=Limits(messages=13))

    assert result.handled == len(begun) == 13


async def test_failures_end_a_run(stored):
    stored.fails = set(range(20))
    async with stored.bus.running(consume="none"):
        await stored.send(*range(20))
    result = await stored.bus.run(limits=Limits(failures=3))

    assert result.ending is Ending.FAILURE
    assert result.reason == "a message failed"
    assert result.retried >= 3


async def test_time_and_idleness_end_a_run_whichever_comes_first(autojump_clock):
    shop = make_shop(":memory:")
    assert (await shop.bus.run(limits=Limits(seconds=3600))).ending is Ending.DURATION
    idle = await shop.bus.run(limits=Limits(seconds=3600, idle=True))
    assert idle.ending is Ending.IDLE
    assert idle.seconds < 3600


async def test_memory_ends_a_run():
    shop = make_shop(":memory:")
    result = await shop.bus.run(limits=Limits(memory=1_000_000))
    assert result.ending is Ending.MEMORY


async def test_wrong_limits_are_refused_with_all_else(shop):
    limits = Limits(messages=0, seconds=-1, memory=-2, failures=True)
    with pytest.raises(BusConfigurationError) as refused:
        await shop.bus.run(["nothing"], limits=limits)

    text = str(refused.value)
    for wrong in ("nothing", "messages=0", "seconds=-1", "memory=-2", "failures=True"):
        assert wrong in text


def test_a_run_on_a_plain_thread_and_under_asyncio_has_a_result(stored):
    with stored.bus.running_in_thread(consume="none"):
        stored.bus.events.publish_many([Job(number) for number in range(9)]).get()
    limits = Limits(messages=3)
    first = stored.bus.run(limits=limits).get()

    async def main():
        return await stored.bus.run(limits=limits)

    second = trio.run(main)
    stored.bus._system_options = replace(stored.bus._system_options, runs_on="trio")
    third = anyio.run(main, backend="asyncio")

    assert [result.handled for result in (first, second, third)] == [3, 3, 3]
    assert len(stored.begun) == 9


# ------------------------------------------------------------------------------------------ stop


async def test_stop_ends_a_run_with_its_reason(shop):
    """From a handler; what runs beside it is finished."""

    @shop.bus.event_handler(channel="parcels", endpoint_id="last")
    async def last(parcel: Parcel):
        shop.bus.stop("the last parcel of the day")
        shop.bus.stop("said twice")

    results = []

    async def work():
        results.append(await shop.bus.run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await until(lambda: shop.bus.is_running)
        await shop.bus.events.publish(Parcel(1))

    [result] = results
    assert (result.ending, result.reason) == (Ending.STOPPED, "the last parcel of the day")
    assert shop.begun in ([], [1])
    assert result.handled == len(shop.handled) + 1


async def test_the_body_of_a_running_bus_hears_that_it_is_to_stop(shop):
    """The intake has stopped by then: what is sent is kept for the next worker."""
    async with shop.bus.running():
        threading.Thread(target=shop.bus.stop, args=["deploying"]).start()
        assert await shop.bus.stopping() == "deploying"
        await shop.send(1)
        await shop.bus.idle()  # nothing is in hand; what is left is not waited for
        [ready] = [queue.ready for queue in await shop.bus.store.statistics()]

    assert (ready, shop.begun) == (1, [])


def test_a_bus_that_does_not_run_cannot_be_stopped():
    with pytest.raises(BusStateError, match="is not running"):
        make_shop(":memory:").bus.stop()


# -------------------------------------------------------------------------------------- priority


async def test_a_lower_channel_waits_while_a_higher_one_has_messages(stored):
    """All orders come before the first parcel, whichever was sent first."""
    async with stored.bus.running(consume="none"):
        await stored.bus.events.publish_many([Parcel(number) for number in range(100, 120)])
        await stored.send(*range(40))
    await stored.bus.run(["orders", "parcels"], limits=Limits(idle=True), prioritised=True)

    assert sorted(stored.begun[:40]) == list(range(40))
    assert sorted(stored.begun[40:]) == list(range(100, 120))


async def test_the_order_is_that_in_which_channels_are_named(stored):
    async with stored.bus.running(consume="none"):
        await stored.bus.events.publish_many([Parcel(number) for number in range(100, 120)])
        await stored.send(*range(40))
    await stored.bus.run(["parcels", "orders"], limits=Limits(idle=True), prioritised=True)

    assert sorted(stored.begun[:20]) == list(range(100, 120))


async def test_what_runs_or_waits_for_a_retry_holds_up_nobody(autojump_clock):
    """One order takes an hour, another one waits for its retry: parcels are carried meanwhile."""
    shop = make_shop(":memory:")
    shop.seconds, shop.fails = 3600, {2}
    async with shop.bus.running(["orders", "parcels"], prioritised=True):
        await shop.send(1, 2)
        await shop.bus.events.publish(Parcel(9))
        await trio.sleep(60)
        assert shop.handled == [9]
        await trio.sleep(3600)
        await shop.bus.events.publish(Parcel(10))
        await trio.sleep(60)

    assert shop.handled[:3] == [9, 1, 10]


async def test_a_paused_higher_channel_holds_up_nobody(shop):
    async with shop.bus.running(["orders", "parcels"], prioritised=True):
        await shop.bus.pause("orders")
        await shop.send(1)
        await shop.bus.events.publish(Parcel(9))
        await shop.bus.idle()

    assert shop.handled == [9]


async def test_a_throttled_or_rate_limited_higher_channel_holds_up_nobody(autojump_clock):
    """Its messages may not be taken now, so those of the others are."""
    bus, handled = ActorBus("shop", ":memory:"), []
    bus.add_channel("throttled", throttle=lambda _: False)
    bus.add_channel("limited")
    bus.add_channel("parcels")

    @bus.event_handler(channel="throttled", endpoint_id="first")
    async def first(job: Job):
        handled.append(("first", job.number))

    @bus.event_handler(channel="limited", endpoint_id="second", rate_limit=Rate(1, per=3600))
    async def second(job: Job):
        handled.append(("second", job.number))

    @bus.event_handler(channel="parcels", endpoint_id="third")
    async def third(parcel: Parcel):
        handled.append(("third", parcel.number))

    async with bus.running(prioritised=True):
        await bus.events.publish_many([Job(1), Job(2)])
        await trio.sleep(60)
        await bus.events.publish(Parcel(9))
        await trio.sleep(60)

    assert handled == [("second", 1), ("third", 9)]


async def test_what_a_channel_had_claimed_goes_back_when_another_comes_first(autojump_clock):
    """The parcels that had not begun are ready for other processes while orders come in."""
    shop = make_shop(":memory:")
    shop.seconds = 1

    @shop.bus.event_handler(channel="parcels", endpoint_id="slow", concurrency=1)
    async def slow(parcel: Parcel):
        await trio.sleep(10)

    async with shop.bus.running(["orders", "parcels"], prioritised=True):
        await shop.bus.events.publish_many([Parcel(number) for number in range(50)])
        await trio.sleep(5)
        await shop.send(*range(100, 300))
        await trio.sleep(15)
        [queue] = [q for q in await shop.bus.store.statistics() if q.endpoint == "slow"]

    assert (queue.claimed, queue.ready) == (0, 49)


# ---------------------------------------------------------------------------------------- pauses


async def test_a_paused_channel_takes_nothing_and_sending_goes_on(shop):
    async with shop.bus.running():
        await shop.bus.pause("orders", reason="the warehouse moves")
        await shop.send(1, 2)
        await shop.bus.events.publish(Parcel(9))
        await shop.bus.idle()
        assert shop.handled == [9]
        [pause] = await shop.bus.pauses()
        assert (pause.channel, pause.until, pause.reason) == ("orders", None, "the warehouse moves")

        assert await shop.bus.resume("orders")
        await shop.bus.idle()
        assert not await shop.bus.resume("orders")

    assert sorted(shop.handled) == [1, 2, 9]


@pytest.mark.parametrize("reason", ["a\0b", "\ud800", "ü" * 5001])
async def test_a_reason_that_not_every_store_can_hold_is_refused(shop, reason):
    async with shop.bus.running():
        with pytest.raises(BusConfigurationError, match="give a text of up to 10000 bytes"):
            await shop.bus.pause("orders", reason=reason)


async def test_a_pause_ends_by_itself(autojump_clock):
    shop = make_shop(":memory:")
    async with shop.bus.running():
        await shop.bus.pause("orders", for_=600)
        await shop.send(1)
        await trio.sleep(598)
        assert shop.handled == []
        await trio.sleep(4)
        assert shop.handled == [1]
        assert await shop.bus.pauses() == []


async def test_a_pause_acts_on_all_processes_and_outlives_them(tmp_path):
    """The second bus is another process's; a third one starts while the pause holds."""
    shops = [make_shop(f"sqlite:///{tmp_path}/shop.db") for _ in range(3)]
    first, second, third = shops
    async with second.bus.running():
        async with first.bus.running(consume="none"):
            await first.bus.pause("orders")
        while not (await second.bus.health()).channels[0].paused:
            await trio.testing.wait_all_tasks_blocked(0.01)
        await second.send(1)
        async with third.bus.running():
            await third.bus.idle()
            assert [shop.begun for shop in shops] == [[], [], []]
            await third.bus.resume("orders")
            await until(lambda: second.handled or third.handled)


async def test_one_endpoint_can_be_paused_alone(shop):
    @shop.bus.event_handler(channel="orders", endpoint_id="other")
    async def other(job: Job):
        shop.handled.append(-job.number)

    async with shop.bus.running():
        await shop.bus.pause("orders", endpoint="handle")
        await shop.send(1)
        await shop.bus.idle()
        assert shop.handled == [-1]
        await shop.bus.resume("orders", endpoint="handle")
        await shop.bus.idle()

    assert shop.handled == [-1, 1]


async def test_what_was_begun_is_finished_and_the_rest_goes_back(autojump_clock):
    shop = make_shop(":memory:")
    shop.seconds = 10
    async with shop.bus.running():
        await shop.send(*range(20))
        await trio.sleep(5)
        await shop.bus.pause("orders")
        await trio.sleep(60)
        [queue] = await shop.bus.store.statistics()

    assert len(shop.handled) == 4
    assert (queue.ready, queue.claimed) == (16, 0)
    assert shop.bus.unfinished == ()


async def test_tenants_are_paused_with_their_channel(url):
    bus = ActorBus("shop", url)
    bus.add_channel(DynamicChannel("imports", tenant=header("tenant")))
    handled = []

    @bus.event_handler(channel="imports", endpoint_id="import")
    async def import_(job: Job):
        handled.append(job.number)

    async with bus.running():
        await bus.events.publish(Job(1), headers={"tenant": "acme"})
        await bus.idle()
        await bus.pause("imports")
        await bus.events.publish(Job(2), headers={"tenant": "acme"})
        await bus.events.publish(Job(3), headers={"tenant": "new"})
        await bus.idle()
        assert handled == [1]
        await bus.resume("imports")
        await bus.idle()

    assert sorted(handled) == [1, 2, 3]


async def test_a_pause_of_what_nobody_declared_is_refused(shop):
    async with shop.bus.running():
        with pytest.raises(BusConfigurationError, match="no channel 'order'; did you mean"):
            await shop.bus.pause("order")
        with pytest.raises(BusConfigurationError, match="no endpoint 'handel'"):
            await shop.bus.pause("orders", endpoint="handel")
        with pytest.raises(BusConfigurationError, match="for_=0 is not allowed"):
            await shop.bus.pause("orders", for_=0)


# --------------------------------------------------------------------------------------- batches


async def test_a_limit_of_messages_is_exact_with_batches(tmp_path):
    """A batch is cut to what is left, and one of its messages that fails gives its place back."""
    bus = ActorBus("shop", f"sqlite:///{tmp_path}/shop.db")
    bus.add_channel("orders", retry=Retry(attempts=3, initial=600, maximum=600, jitter=0))
    begun, handled = [], []

    @bus.event_handler(channel="orders", endpoint_id="all", batch=Batch(size=8, wait=0.05))
    async def all_of_them(jobs: list[Job]):
        begun.extend(job.number for job in jobs)
        if any(job.number == 3 for job in jobs):
            raise ValueError("not this one")
        handled.extend(job.number for job in jobs)

    async with bus.running(consume="none"):
        await bus.events.publish_many([Job(number) for number in range(40)])
    result = await bus.run(limits=Limits(messages=13))

    assert result.handled == len(handled) == 13
    assert set(begun) - set(handled) == {3}


# ------------------------------------------------------------------------------------- schedules


async def test_consume_for_sends_and_handles_what_schedules_have_missed(autojump_clock):
    """A worker that cron starts is also the one that sends what was due meanwhile."""
    bus, ticks = ActorBus("shop", ":memory:"), []
    bus.add_channel("reports")

    @bus.scheduled(every=3600, channel="reports")
    async def report() -> None:
        ticks.append("tick")

    async with bus.running(consume="none"):
        await bus.consume_for(60)
        before = len(ticks)
        await trio.sleep(3600)
        count = await bus.consume_for(60)

    assert count == 1
    assert len(ticks) == before + 1
