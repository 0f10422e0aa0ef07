"""Several consumers of one group: partitions are handed over, and nothing is handled twice."""

from collections import Counter
from contextlib import AsyncExitStack

import trio

from actorbus import PartitionsAssigned, PartitionsRevoked, Transaction
from tests.integration.kafka.conftest import OrderPlaced, eventually, record

BILL = "shop.bill"
GROUP = "shop.orders"


class Watched:
    """The partitions that a bus was given and gave up."""

    def __init__(self, bus):
        self.assigned: list[tuple[int, ...]] = []
        self.revoked: list[PartitionsRevoked] = []
        self.news = trio.Event()
        bus.system.events.subscribe(self._on_event, PartitionsAssigned)
        bus.system.events.subscribe(self._on_event, PartitionsRevoked)

    def _on_event(self, event):
        if isinstance(event, PartitionsAssigned):
            self.assigned.append(event.partitions)
        else:
            self.revoked.append(event)
        self.news.set()
        self.news = trio.Event()

    async def until(self, done):
        with trio.fail_after(30):
            while not done(self):
                await self.news.wait()


async def has_partitions(bus, count):
    """Wait until a bus has so many partitions."""
    with trio.fail_after(30):
        while (await bus.health()).channels[0].broker.partitions != count:  # noqa: ASYNC110  no event
            await trio.sleep(0.05)


async def test_a_slow_handler_never_causes_a_rebalance(make_bus, broker, seen):
    """It takes three times as long as the group waits for a sign of life."""
    bus = make_bus(session_timeout=1.0, concurrency=1, max_in_flight=1, prefetch=1)

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced) -> None:
        await trio.sleep(3.0 if event.number == 0 else 0)
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(4)), partition=0)
    async with bus.running():
        watched = Watched(bus)
        await seen.until(4)
        await eventually(lambda: broker.committed(GROUP).get(0) == 4)
        assert watched.revoked == []
    assert seen.numbers == [0, 1, 2, 3]


async def test_a_second_process_takes_its_share_and_each_message_is_handled_once(
    make_bus, broker, seen
):
    by = Counter()
    buses = [make_bus(), make_bus()]
    for place, bus in enumerate(buses):

        @bus.event_handler(channel="orders", endpoint_id=BILL)
        async def bill(event: OrderPlaced, tx: Transaction, place=place) -> None:
            by[place] += 1
            seen.add(event.number)

    one, two = buses
    async with one.running():
        broker.produce(*(record(number, BILL) for number in range(50)))
        await seen.until(50)
        async with two.running():
            await has_partitions(two, 2)
            for part in range(4):
                batch = range(50 + part * 10, 60 + part * 10)
                broker.produce(*(record(number, BILL) for number in batch), partition=part)
            await seen.until(90)
            await has_partitions(one, 2)
        await has_partitions(one, 4)
        broker.produce(*(record(number, BILL) for number in range(90, 100)), partition=3)
        await seen.until(100)
        await eventually(lambda: sum(broker.committed(GROUP).values()) == 100)
    assert sorted(seen.numbers) == list(range(100))
    assert by[0] > 50
    assert by[1] >= 20


async def test_what_runs_when_its_partition_is_revoked_is_finished_and_committed(
    make_bus, broker, seen
):
    one, two = make_bus(handover_timeout=10.0), make_bus(handover_timeout=10.0)
    started, may_end = trio.Event(), trio.Event()
    for bus in (one, two):

        @bus.event_handler(channel="orders", endpoint_id=BILL)
        async def bill(event: OrderPlaced, tx: Transaction, is_first=bus is one) -> None:
            if is_first:
                started.set()
                await may_end.wait()
            seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(4)), partition=0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(one.running())
        watched = Watched(one)
        await started.wait()
        await stack.enter_async_context(two.running())
        await trio.sleep(1.0)  # the group has asked for its partitions by now, or does meanwhile
        may_end.set()
        await watched.until(lambda it: it.revoked)
        await eventually(lambda: broker.committed(GROUP).get(0) == 4)
    assert watched.revoked[0].running == 0
    assert sorted(seen.numbers) == [0, 1, 2, 3]


async def test_what_outlasts_the_hand_over_is_left_to_the_process_that_runs_it(
    make_bus, broker, seen
):
    """Whoever gets its partition waits until it is done, and skips it."""
    one, two = make_bus(handover_timeout=0.2), make_bus(handover_timeout=0.2)
    started, may_end = trio.Event(), trio.Event()
    starts = Counter()
    for bus in (one, two):

        @bus.event_handler(channel="orders", endpoint_id=BILL)
        async def bill(event: OrderPlaced, tx: Transaction) -> None:
            starts[event.number] += 1
            started.set()
            await may_end.wait()
            seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(3)), partition=0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(one.running())
        watched = Watched(one)
        await started.wait()
        await stack.enter_async_context(two.running())
        await watched.until(lambda it: it.revoked and len(it.assigned) > 0)
        await has_partitions(two, 2)
        may_end.set()
        await seen.until(3)
        await eventually(lambda: broker.committed(GROUP).get(0) == 3)
    assert watched.revoked[0].running == 3
    assert starts == {0: 1, 1: 1, 2: 1}


async def test_a_partition_pauses_when_too_many_are_done_above_one_that_is_not(
    make_bus, broker, seen
):
    bus = make_bus(window=5, prefetch=4, concurrency=4)
    may_end = trio.Event()

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        if event.number == 0:
            await may_end.wait()
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(40)), partition=0)
    async with bus.running():
        await seen.until(5)
        broker.produce(*(record(number, BILL) for number in range(100, 110)), partition=1)
        await seen.when(lambda: sum(number >= 100 for number in seen.numbers) == 10)
        await eventually(lambda: broker.committed(GROUP).get(1) == 10)
        assert broker.committed(GROUP).get(0, 0) == 0
        assert sum(number < 100 for number in seen.numbers) <= 5 + 3 * 4
        may_end.set()
        await seen.until(50)
        await eventually(lambda: broker.committed(GROUP).get(0) == 40)
    assert sorted(seen.numbers) == [*range(40), *range(100, 110)]


async def test_a_fast_producer_fills_no_memory(make_bus, broker, seen):
    """No more are in hand than `prefetch` and what was on its way."""
    bus = make_bus(prefetch=50, concurrency=2, max_in_flight=10)
    most = 0

    @bus.event_handler(channel="orders", endpoint_id=BILL)
    async def bill(event: OrderPlaced) -> None:
        nonlocal most
        health = await bus.health()
        most = max(most, health.channels[0].broker.in_hand)
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(1000)))
    async with bus.running():
        await seen.until(1000)
    assert sorted(seen.numbers) == list(range(1000))
    assert 10 < most <= 150


async def test_what_was_not_begun_when_a_process_stops_is_anothers_at_once(make_bus, broker, seen):
    """Without waiting for its lease; what was begun is finished."""
    one, two = make_bus(), make_bus()
    started, may_end = trio.Event(), trio.Event()

    @one.event_handler(channel="orders", endpoint_id=BILL, concurrency=2)
    async def first(event: OrderPlaced) -> None:
        started.set()
        await may_end.wait()
        seen.add(event.number)

    @two.event_handler(channel="orders", endpoint_id=BILL)
    async def second(event: OrderPlaced) -> None:
        seen.add(event.number)

    broker.produce(*(record(number, BILL) for number in range(30)), partition=0)
    async with trio.open_nursery() as nursery:
        async with one.running():
            await started.wait()
            nursery.start_soon(set_later, may_end)
        assert 1 <= len(seen.numbers) <= 2
        async with two.running():
            await seen.until(30)
            await eventually(lambda: broker.committed(GROUP).get(0) == 30)
    assert sorted(seen.numbers) == list(range(30))


async def set_later(event):
    """Let the handlers end while the bus stops."""
    await trio.sleep(0.3)
    event.set()
