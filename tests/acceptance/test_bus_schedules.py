"""Schedules: one tick each time, of however many processes, on a file and in memory.

The wall clock of the store is in the test's hands; a look at it is one look of the scheduler.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import trio

from actorbus import (
    ActorBus,
    EventBus,
    Headers,
    PermanentError,
    Retry,
    RoutedChannel,
    ScheduleNotFound,
    Tick,
    TicksMissed,
    Transaction,
    header,
)
from actorbus.stores import SqliteStore
from actorbus.testing import ManualClock

HOUR = 3600.0
START = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class CloseDay:
    shop: str


@dataclass(frozen=True)
class DayClosed:
    shop: str


class WallClock(ManualClock):
    """The time of schedules; that of leases stands still."""

    def advance(self, seconds):
        self.wall_time += seconds


@pytest.fixture
def clock():
    return WallClock(START)


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path, clock):
    """Make the store of one more process. In memory each has its own."""

    path = None if request.param == "memory" else tmp_path / "shop.db"
    return lambda: SqliteStore(path, clock=clock)


@pytest.fixture
def file(tmp_path, clock):
    """Make the store of one more process, on one file."""
    return lambda: SqliteStore(tmp_path / "shop.db", clock=clock)


class Ticks(list[Tick]):
    """What a schedule's handler was given."""

    @property
    def hours(self):
        """The planned times, in hours from the start."""
        return [(tick.planned_at.timestamp() - START) / HOUR for tick in self]


@pytest.fixture
def ticks():
    return Ticks()


def hourly_bus(store, ticks, **options):
    bus = ActorBus("shop", store)

    if "cron" not in options:
        options.setdefault("every", timedelta(hours=1))

    @bus.scheduled(**{"name": "hourly", **options})
    async def hourly(tick: Tick):
        ticks.append(tick)

    return bus


async def look(*buses):
    """Let the scheduler of each bus look at its clock, and what it sent be handled."""
    async with trio.open_nursery() as nursery:
        for bus in buses:
            nursery.start_soon(bus._running().scheduler)
    for bus in buses:
        with trio.fail_after(10):
            await bus.idle()


async def state(bus, name="hourly"):
    (found,) = [one for one in await bus.schedules.list() if one.name == name]
    return found


async def test_a_tick_is_sent_at_its_time_and_once(store, ticks, clock):
    bus = hourly_bus(store(), ticks)
    async with bus.running():
        await look(bus)
        clock.advance(HOUR - 1)
        await look(bus)
        assert ticks == []

        clock.advance(1)
        await look(bus)
        await look(bus)

    assert (ticks.hours, ticks[0].number, ticks[0].missed) == ([1.0], 1, 0)


@pytest.mark.parametrize(
    ("missed", "hours"), [("all", [1, 2, 3, 4, 5]), ("last", [5]), ("none", [])]
)
async def test_five_missed_ticks_by_each_policy(store, ticks, clock, missed, hours):
    left_out = 5 - len(hours)
    bus = hourly_bus(store(), ticks, missed=missed)
    events = []
    async with bus.running():
        bus.system.events.subscribe(events.append, TicksMissed)
        await look(bus)
        clock.advance(5.5 * HOUR)
        await look(bus)
        clock.advance(0.5 * HOUR)
        await look(bus)

    assert ticks.hours == [*hours, 6]
    assert sum(tick.missed for tick in ticks) == (left_out if hours else 0)
    assert [(event.left_out, event.sent) for event in events] == (
        [(left_out, len(hours))] if left_out else []
    )


async def test_what_was_missed_while_nothing_ran_is_sent_at_the_start(file, ticks, clock):
    """`actorbus run --once` waits for it, too: the bus is not idle before."""
    async with (bus := hourly_bus(file(), ticks, missed="all", missed_limit=3)).running():
        await look(bus)
    clock.advance(5.5 * HOUR)
    async with (bus := hourly_bus(file(), ticks, missed="all", missed_limit=3)).running():
        await bus.idle()

    assert ticks.hours == [3, 4, 5]
    assert [tick.number for tick in ticks] == [1, 2, 3]
    assert [tick.missed for tick in ticks] == [2, 0, 0]


async def test_of_three_processes_one_sends_each_tick(file, ticks, clock):
    buses = [hourly_bus(file(), ticks) for _ in range(3)]
    async with AsyncExitStack() as stack:
        for bus in buses:
            await stack.enter_async_context(bus.running())
        await look(*buses)
        for _ in range(20):
            clock.advance(HOUR)
            await look(*buses)

    assert sorted(ticks.hours) == [float(hour) for hour in range(1, 21)]
    assert sorted(tick.number for tick in ticks) == [*range(1, 21)]


@pytest.mark.parametrize(
    ("line", "noon", "utc"),
    [
        ("30 2 * * *", "2026-03-28T12:00 Europe/Berlin", ["01:00", "00:30"]),
        ("30 2 * * *", "2026-10-24T12:00 Europe/Berlin", ["00:30", "01:30"]),
        ("30 2 * * *", "2026-03-07T12:00 America/New_York", ["07:00", "06:30"]),
        ("30 1 * * *", "2026-10-31T12:00 America/New_York", ["05:30", "06:30"]),
    ],
)
async def test_a_named_hour_ticks_once_a_day_when_the_clocks_are_changed(  # noqa: PLR0917  the case's parameters
    store, ticks, clock, line, noon, utc
):
    """Left out: when the clocks are put forward. Twice: the first time."""
    local, zone = noon.split()
    clock.set_wall(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp())
    bus = hourly_bus(store(), ticks, cron=line, timezone=zone)
    async with bus.running():
        await look(bus)
        for _ in range(48):
            clock.advance(HOUR)
            await look(bus)

    assert [f"{tick.planned_at.astimezone(UTC):%H:%M}" for tick in ticks] == utc
    assert len({tick.planned_at.astimezone(ZoneInfo(zone)).date() for tick in ticks}) == 2


async def test_time_may_be_virtual_and_the_actor_sends_by_itself(autojump_clock):
    """In memory a store has the run's clock: minutes pass at once."""
    bus, seen, often = ActorBus("shop"), [], []

    @bus.scheduled(every=timedelta(minutes=5))
    async def now_and_then(tick: Tick):
        seen.append((trio.current_time(), tick.number))

    bus.scheduled(cron="* * * * *", name="often", missed="none")(lambda: often.append(1))
    async with bus.running():
        await bus.idle()
        begin = trio.current_time()
        await trio.sleep(601)
        assert "scheduler running" in str(bus.system.tree())

    assert [(round(time - begin), number) for time, number in seen] == [(300, 1), (600, 2)]
    assert len(often) == 10


# -- the tick is a message like any other --------------------------------------------------


async def test_a_failed_tick_is_retried_and_a_hopeless_one_a_dead_letter(store, clock):
    bus, attempts = ActorBus("shop", store()), []
    bus.add_channel("schedules", retry=Retry(attempts=3, initial=0.001, jitter=0))

    @bus.scheduled(every=HOUR, name="flaky")
    async def flaky(headers: Headers):
        attempts.append(headers.attempt)
        if headers.attempt < 3:
            raise OSError("not yet")

    @bus.scheduled(every=HOUR, name="broken")
    async def broken():
        raise PermanentError("never")

    async with bus.running():
        await look(bus)
        clock.advance(HOUR)
        await look(bus)
        for _ in range(2):
            clock.advance(1)
            await look(bus)
        (letter,) = await bus.dead_letters.list()

    assert attempts == [1, 2, 3]
    assert (letter.endpoint, letter.type_name) == ("broken", "actorbus.Tick")
    assert letter.message_id == "broken@2026-03-28T13:00:00+00:00"


@dataclass
class Mailer:
    sent: list[str]


async def test_its_handler_is_given_what_any_handler_is(store, clock):
    bus, mailer, seen = ActorBus("shop", store()), Mailer([]), []
    bus.provide(Mailer, value=mailer)
    bus.add_channel("reports")

    @bus.event_handler
    async def note(event: DayClosed, headers: Headers, tx: Transaction):
        await tx.execute("INSERT INTO days VALUES ($1)", event.shop)
        seen.append((event, headers["tenant"], headers.causation_id))

    @bus.scheduled(every=HOUR, channel="reports", headers={"tenant": "acme"}, name="close")
    async def close(events: EventBus, now: Tick, mailer: Mailer, tx: Transaction):
        await tx.execute("CREATE TABLE days (shop TEXT)")
        await events.publish(DayClosed("north"))
        mailer.sent.append(now.schedule)

    @bus.scheduled(every=HOUR, name="plain")
    def plain(tick: Tick, mailer: Mailer):
        mailer.sent.append(tick.schedule)

    async with bus.running():
        await look(bus)
        clock.advance(HOUR)
        await look(bus)
        async with await bus.store.snapshot("test") as snapshot:
            rows = await snapshot.fetch("SELECT * FROM days")

    assert [tuple(row) for row in rows] == [("north",)]
    assert seen == [(DayClosed("north"), "acme", "close@2026-03-28T13:00:00+00:00")]
    assert sorted(mailer.sent) == ["close", "plain"]


def test_its_handler_may_be_of_asyncio(store, clock):
    bus, seen = ActorBus("shop", store()), []

    @bus.scheduled(every=HOUR, name="close")
    async def close(tick: Tick):
        await asyncio.sleep(0)
        seen.append(tick.number)

    async def main():
        async with bus.running():
            await bus.idle()
            clock.advance(HOUR)
            scheduler = bus._running().scheduler
            assert scheduler is not None
            await bus.system.run(scheduler)
            await bus.idle()

    asyncio.run(main())
    assert seen == [1]


async def test_a_schedule_may_send_a_message(store, clock):
    """A command, an event, or what a function makes of the tick."""
    bus = ActorBus("shop", store())
    seen: list[object] = []

    @bus.command_handler
    async def close(command: CloseDay, headers: Headers):
        seen.append((command, headers["by"]))

    @bus.event_handler("day.closed")
    async def note(event: dict[str, str]):
        seen.append(event)

    bus.schedule(CloseDay("north"), every=HOUR, name="north", headers={"by": "clock"})
    bus.schedule({"shop": "south"}, routing_key="day.closed", every=HOUR, name="south")
    bus.schedule(
        lambda tick: CloseDay(f"{tick.planned_at:%H}"), every=HOUR, name="west", headers={"by": ""}
    )
    async with bus.running():
        await look(bus)
        clock.advance(HOUR)
        await look(bus)

    assert len(seen) == 3
    for expected in ((CloseDay("north"), "clock"), {"shop": "south"}, (CloseDay("13"), "")):
        assert expected in seen


async def test_a_process_sends_the_ticks_of_channels_that_it_consumes(file, ticks, clock):
    web, worker = hourly_bus(file(), ticks), hourly_bus(file(), ticks)
    async with web.running(consume="none"):
        await look(web)
        assert (await state(web)).status == "not planned"
        async with worker.running():
            await look(worker)
            await worker._running().delivery.housekeeping.publish_snapshot()
            assert len((await state(web)).taken_by) == 1


async def test_a_schedule_may_be_on_a_channel_that_leads_to_others(file, ticks, clock):
    """Whoever consumes one of those sends the ticks; they go where the channel leads them."""
    routed = {"channel": "shops", "headers": {"shop": "north"}}
    buses = [hourly_bus(file(), ticks, **routed) for _ in range(2)]
    for bus in buses:
        bus.add_channel("north")
        bus.add_channel("other")
        bus.add_channel(RoutedChannel("shops", route=header("shop"), to=["north"]))
    north, other = buses
    async with other.running(consume=["other"]):
        await look(other)
        assert (await state(other)).status == "not planned"
        async with north.running(consume=["shops"]):
            await look(north)
            clock.advance(HOUR)
            await look(north, other)
            await north._running().delivery.housekeeping.publish_snapshot()
            assert len((await state(other)).taken_by) == 1

    assert ticks.hours == [1]


async def test_consuming_for_a_while_sends_what_was_missed(file, ticks, clock):
    """As a worker does that is started now and then, by the system's cron for one."""
    bus = hourly_bus(file(), ticks)
    async with bus.running(consume="none"):
        handled = [await bus.consume_for(5)]
        for _ in range(2):
            clock.advance(HOUR)
            handled.append(await bus.consume_for(5))

    assert handled == [0, 1, 1]
    assert ticks.hours == [1, 2]


# -- plans that change ---------------------------------------------------------------------


async def test_a_schedule_that_ticks_otherwise_now_is_planned_anew_at_the_start(file, ticks, clock):
    async with (bus := hourly_bus(file(), ticks)).running():
        await look(bus)
    clock.advance(5.5 * HOUR)
    async with (bus := hourly_bus(file(), ticks, every=2 * HOUR)).running():
        await look(bus)
        assert (await state(bus)).next_at == datetime.fromtimestamp(START + 7.5 * HOUR, UTC)
        clock.advance(2 * HOUR)
        await look(bus)

    assert ticks.hours == [7.5]


async def test_an_older_process_leaves_a_newer_plan_alone(file, ticks, clock):
    """While a new version is deployed: the last one to start plans, and sends."""
    old, new = Ticks(), Ticks()
    first, second = hourly_bus(file(), old), hourly_bus(file(), new, every=2 * HOUR)
    async with first.running(), AsyncExitStack() as stack:
        await look(first)
        await stack.enter_async_context(second.running())
        await look(second)
        clock.advance(2 * HOUR)
        await first._running().scheduler()
        assert (await state(first)).status == "changed"
        await look(second, first)

    assert [tick.planned_at for tick in (*old, *new)] == [
        datetime.fromtimestamp(START + 2 * HOUR, UTC)
    ]


async def test_a_clock_that_is_set_back_repeats_no_tick(store, ticks, clock):
    bus = hourly_bus(store(), ticks)
    async with bus.running():
        await look(bus)
        clock.advance(HOUR)
        await look(bus)
        clock.set_wall(START)
        await look(bus)
        clock.set_wall(START + 1.9 * HOUR)
        await look(bus)
        clock.set_wall(START + 2 * HOUR)
        await look(bus)

    assert ticks.hours == [1, 2]


async def test_a_schedule_that_is_no_longer_declared_is_listed_and_can_be_deleted(
    file, ticks, clock
):
    async with (bus := hourly_bus(file(), ticks)).running():
        await look(bus)
    bus = hourly_bus(file(), ticks, name="other")
    async with bus.running():
        await look(bus)
        assert (await state(bus)).status == "removed"
        await bus.schedules.delete("hourly")
        assert [one.name for one in await bus.schedules.list()] == ["other"]
        with pytest.raises(ScheduleNotFound, match="no schedule 'hourly' is stored"):
            await bus.schedules.delete("hourly")


async def test_a_paused_schedule_does_not_tick_and_misses_nothing(store, ticks, clock):
    bus = hourly_bus(store(), ticks, missed="all")
    async with bus.running():
        await look(bus)
        await bus.schedules.pause("hourly")
        clock.advance(5.5 * HOUR)
        await look(bus)
        paused = await state(bus)
        await bus.schedules.resume("hourly")
        clock.advance(0.5 * HOUR)
        await look(bus)

    assert (paused.status, paused.next_at) == ("paused", None)
    assert ticks.hours == [6]


async def test_a_tick_by_hand_is_beside_the_planned_ones(store, ticks, clock):
    bus = hourly_bus(store(), ticks)
    async with bus.running():
        await look(bus)
        clock.advance(0.5 * HOUR)
        await bus.schedules.run("hourly")
        await look(bus)
        clock.advance(0.5 * HOUR)
        await look(bus)
        with pytest.raises(ScheduleNotFound, match="did you mean 'hourly'"):
            await bus.schedules.run("hurly")

    assert ticks.hours == [0.5, 1]
    assert [(tick.number, tick.by_hand) for tick in ticks] == [(1, True), (2, False)]


async def test_a_seed_decides_about_the_jitter(file, clock):
    """Of another process too; without one each plan draws anew."""
    drawn = []
    for seed, name in [(1, "a"), (1, "a"), (2, "a"), (1, "b")]:
        bus = ActorBus("shop", SqliteStore(None, clock=clock), seed=seed)
        bus.scheduled(every=HOUR, jitter=600, name=name)(lambda: None)
        async with bus.running():
            await look(bus)
            ((row),) = await bus.store.schedules()
            drawn.append(row.fires_at - row.next_at)

    assert all(0 < jitter < 600 for jitter in drawn)
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


async def test_one_that_cannot_be_sent_does_not_stop_the_others(file, ticks, clock):
    """Its failure is the scheduler's, which is restarted under its backoff."""
    from actorbus import DynamicChannel

    def odd_hours(message, headers):
        if isinstance(message, Tick) and message.number:
            return "odd" if message.schedule == "" else 1 / 0
        return "odd"

    bus = hourly_bus(file(), ticks)
    bus.add_channel(DynamicChannel("odd", tenant=odd_hours))
    bus.scheduled(every=HOUR, channel="odd", name="a")(lambda: None)
    async with bus.running():
        await look(bus)
        clock.advance(HOUR)
        with pytest.raises(ZeroDivisionError):
            await bus._running().scheduler()
        await bus.idle()

    assert ticks.hours == [1]
