"""Delivery options, for a message, a gateway, a handler or a channel: the most specific wins."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CommandBus,
    DynamicChannel,
    EventBus,
    Headers,
    InstantRetry,
    InvalidSendOption,
    PermanentError,
    Retry,
    StoreChannel,
    header,
)
from actorbus._settlement import RELEASE
from actorbus._store import Demand
from actorbus.handling import _start_by
from actorbus.stores import open_store
from actorbus.testing import ManualClock, process
from tests.waiting import until

HOUR = 3600.0
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001  without a zone, as tested


@dataclass(frozen=True)
class Ordered:
    number: int
    ship_at: datetime | None = None


@dataclass(frozen=True)
class Ship:
    number: int


@dataclass
class Log:
    numbers: list[Any] = field(default_factory=list)

    def note(self, what: Any) -> None:
        self.numbers.append(what)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=[":memory:", "file"])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def bus(url, clock):
    return ActorBus("shop", open_store(url, clock))


@pytest.fixture
def log():
    return Log()


def subscribe(bus, log, channel="mail", **options):
    @bus.event_handler(channel=channel, endpoint_id=options.pop("endpoint_id", "send"), **options)
    async def send(event: Ordered) -> None:
        log.note(event.number)

    return send


async def pass_time(bus, clock, seconds):
    """Let wall time pass, and everything that is due then be handled."""
    clock.set_wall(clock.wall() + seconds)
    await bus.idle()


async def minutes_until_handled(bus, clock, log, events=None, **options):
    """Return after how many minutes a message that was sent now is handled."""
    log.numbers.clear()
    await (events or bus.events).publish(Ordered(1), **options)
    for minutes in range(8):
        await bus.idle()
        if log.numbers:
            return minutes
        await pass_time(bus, clock, 60)
    return None


# -- delay ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["message", "gateway", "handler", "channel"])
async def test_a_delay_of_an_hour_is_an_hour_wherever_it_was_said(bus, clock, log, place):
    """Nothing at 59 minutes, once at 60, and never again."""
    hour = {"delay": timedelta(hours=1)}
    bus.add_channel("mail", **hour if place == "channel" else {})
    subscribe(bus, log, **hour if place == "handler" else {})

    class Later(EventBus, **hour if place == "gateway" else {}): ...

    events = bus.gateway(Later)
    async with bus.running():
        await events.publish(Ordered(1), **hour if place == "message" else {})
        await pass_time(bus, clock, 59 * 60)
        assert log.numbers == []
        await pass_time(bus, clock, 60)
        assert log.numbers == [1]
        await pass_time(bus, clock, 24 * HOUR)

    assert log.numbers == [1]


async def test_equal_delays_keep_their_order(bus, clock, log):
    bus.add_channel("mail", concurrency=1)
    subscribe(bus, log, delay=HOUR)

    async with bus.running():
        for number in range(20):
            await bus.events.publish(Ordered(number))
        await pass_time(bus, clock, HOUR)

    assert log.numbers == list(range(20))


async def test_message_beats_gateway_beats_handler_beats_channel(bus, clock, log):
    bus.add_channel("mail", delay=240)
    bus.add_channel("post", delay=240)
    subscribe(bus, log)
    subscribe(bus, Log(), "post", delay=timedelta(minutes=3), endpoint_id="post it")

    class Later(EventBus, delay=timedelta(minutes=2)): ...

    events = bus.gateway(Later)
    async with bus.running(consume="none"):
        start = clock.wall()
        await bus.events.publish(Ordered(1))
        await events.publish(Ordered(2))
        await events.publish(Ordered(3), delay=60)
        await bus.events.publish(Ordered(4), delay=0)
        clock.advance(1000)
        await bus.store.poll()
        demands = [Demand("mail", ("send",), None, 9), Demand("post", ("post it",), None, 9)]
        due = [(one.channel, one.due_at - start) for one in await bus.store.claim(demands)]

    assert sorted(due) == [
        *(("mail", 0.0), ("mail", 60.0), ("mail", 120.0), ("mail", 240.0)),
        *(("post", 0.0), ("post", 60.0), ("post", 120.0), ("post", 180.0)),
    ]


async def test_the_same_event_reaches_one_handler_at_once_and_another_in_24_hours(bus, clock, log):
    bus.add_channel("mail")
    subscribe(bus, log)

    @bus.event_handler(channel="mail", delay=timedelta(hours=24))
    async def remind(event: Ordered) -> None:
        log.note("reminded")

    @bus.event_handler
    async def reserve(event: Ordered) -> None:
        log.note("reserved")

    async with bus.running():
        await bus.events.publish(Ordered(1))
        await bus.idle()
        assert sorted(log.numbers, key=str) == [1, "reserved"]
        await pass_time(bus, clock, 24 * HOUR - 1)
        assert len(log.numbers) == 2
        await pass_time(bus, clock, 1)

    assert log.numbers[2:] == ["reminded"]


async def test_a_delay_may_be_a_time_with_a_zone(bus, clock, log):
    bus.add_channel("mail")
    subscribe(bus, log)
    east = datetime.fromtimestamp(clock.wall() + 180, UTC).astimezone()

    async with bus.running():
        assert await minutes_until_handled(bus, clock, log, delay=east) == 3
        passed = datetime.fromtimestamp(clock.wall() - 180, UTC)
        assert await minutes_until_handled(bus, clock, log, delay=passed) == 0


@pytest.mark.parametrize("place", ["gateway", "handler", "channel"])
async def test_a_delay_may_be_a_function_of_message_and_headers(bus, clock, log, place):
    """It is asked when the message is sent; None is at once."""

    def wait(event: Ordered, headers: Headers) -> float | timedelta | datetime | None:
        if event.ship_at is not None:
            return event.ship_at
        return timedelta(minutes=float(headers["minutes"])) if "minutes" in headers else None

    rule = {"delay": wait}
    bus.add_channel("mail", **rule if place == "channel" else {})
    subscribe(bus, log, **rule if place == "handler" else {})

    class Asked(EventBus, **rule if place == "gateway" else {}): ...

    events = bus.gateway(Asked)
    async with bus.running():
        assert await minutes_until_handled(bus, clock, log, events, headers={"minutes": "4"}) == 4
        assert await minutes_until_handled(bus, clock, log, events) == 0
        log.numbers.clear()
        await events.publish(Ordered(9, datetime.fromtimestamp(clock.wall() + 60, UTC)))
        await pass_time(bus, clock, 59)
        assert log.numbers == []
        await pass_time(bus, clock, 1)
        assert log.numbers == [9]


async def test_a_function_of_the_message_alone_will_do(bus, clock, log):
    bus.add_channel("mail")
    subscribe(bus, log, delay=lambda event: 60 * event.number)

    async with bus.running():
        assert await minutes_until_handled(bus, clock, log) == 1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (NAIVE, "it has no time zone"),
        (-1, "give seconds .0 or more."),
        ("soon", "give seconds .0 or more."),
        (lambda event: 1, "give seconds .0 or more."),
    ],
)
async def test_what_a_function_returns_wrongly_is_told_to_the_sender(bus, log, value, why):
    """Nothing is stored, for no subscriber."""
    bus.add_channel("mail")
    subscribe(bus, log, endpoint_id="other")
    subscribe(bus, log, delay=lambda event: value)

    async with bus.running():
        with pytest.raises(InvalidSendOption, match=f"send: the function delay= returned .*{why}"):
            await bus.events.publish(Ordered(1))
        await bus.idle()

    assert log.numbers == []


async def test_what_a_function_raises_is_the_senders(bus, log):
    bus.add_channel("mail")
    subscribe(bus, log, delay=lambda event: 1 / 0)

    async with bus.running():
        with pytest.raises(ZeroDivisionError):
            await bus.events.publish(Ordered(1))


@pytest.mark.parametrize("place", ["gateway", "handler", "channel"])
def test_a_naive_datetime_is_refused_at_start_up(bus, log, place):
    naive = {"delay": NAIVE}
    bus.add_channel("mail", **naive if place == "channel" else {})
    subscribe(bus, log, **naive if place == "handler" else {})

    class Later(EventBus, **naive if place == "gateway" else {}): ...

    bus.gateway(Later)
    with pytest.raises(BusConfigurationError, match="2030.* it has no time zone; use"):
        bus.check()


async def test_a_naive_datetime_is_refused_to_the_sender(bus, log):
    bus.add_channel("mail")
    subscribe(bus, log)

    async with bus.running():
        for options in ({"delay": NAIVE}, {"deliver_at": NAIVE}):
            with pytest.raises(InvalidSendOption, match="time zone"):
                await bus.events.publish(Ordered(1), **options)


async def test_leases_and_claims_are_unaffected_when_the_wall_clock_jumps(bus, clock, log):
    """What one process holds is not taken back after a jump of a day, forwards or backwards."""
    bus.add_channel("mail")
    subscribe(bus, log)

    async with bus.running(consume="none"):
        await bus.events.publish(Ordered(1))
        (claimed,) = await bus.store.claim([Demand("mail", ("send",), None, 1)])
        for jump in (24 * HOUR, -48 * HOUR):
            clock.set_wall(clock.wall() + jump)
            assert (await bus.store.take_back(), bus.store.lease_holds) == (0, True)
            assert all(row.alive for row in await bus.store.processes())
        clock.advance(11.0)
        assert not bus.store.lease_holds
        assert claimed.attempts == 0


# -- time to live ---------------------------------------------------------------------------


async def expired(bus, endpoint="send"):
    return sum(q.expired for q in await bus.store.statistics() if q.endpoint == endpoint)


@pytest.mark.parametrize("place", ["message", "gateway", "handler", "channel"])
async def test_a_message_that_is_too_old_never_runs(bus, clock, log, place):
    life = {"time_to_live": timedelta(minutes=5)}
    bus.add_channel("mail", **life if place == "channel" else {})
    subscribe(bus, log, **life if place == "handler" else {})

    class Brief(EventBus, **life if place == "gateway" else {}): ...

    events = bus.gateway(Brief)
    async with bus.running(consume="none"):
        await events.publish(Ordered(1), **life if place == "message" else {})
        (claimed,) = await bus.store.claim([Demand("mail", ("send",), None, 1)])
        assert claimed.expires_at == clock.wall() + 300
        await bus.store.settle([(claimed, RELEASE)])
        clock.advance(300)
        await bus.store.poll()
        assert (await bus.store.claim([Demand("mail", ("send",), None, 1)]), log.numbers) == (
            [],
            [],
        )
        assert await expired(bus) == 1


async def test_a_life_begins_when_the_message_is_due(bus, clock, log):
    bus.add_channel("mail")
    subscribe(bus, log, delay=HOUR, time_to_live=60)

    async with bus.running():
        await bus.events.publish(Ordered(1))
        await pass_time(bus, clock, HOUR + 59)

    assert log.numbers == [1]


async def test_it_does_not_run_after_a_retry(bus, clock, log):
    """The retry comes when its life is over: it is dropped and counted, not a dead letter."""
    bus.add_channel("mail", retry=Retry(attempts=5, initial=100, maximum=100, jitter=0))

    @bus.event_handler(channel="mail", endpoint_id="send", time_to_live=150)
    async def send(event: Ordered, headers: Headers) -> None:
        log.note(headers.attempt)
        raise LookupError

    async with bus.running():
        await bus.events.publish(Ordered(1))
        await bus.idle()
        await pass_time(bus, clock, 100)
        await pass_time(bus, clock, 100)
        await pass_time(bus, clock, 1000)
        assert (log.numbers, await expired(bus), await bus.dead_letters.count()) == ([1, 2], 1, 0)
        assert (await bus.health()).queues[0].expired == 1


async def test_it_does_not_run_on_the_second_hop(bus, clock, log):
    """A gateway's channel, then the handler's own: its life goes on from the first one."""
    bus.add_channel("outbox")
    bus.add_channel("mail")
    subscribe(bus, log, time_to_live=300)

    class Outbox(EventBus, channel="outbox"): ...

    events = bus.gateway(Outbox)
    async with bus.running(consume=["outbox"]):
        await events.publish(Ordered(1))
        clock.set_wall(clock.wall() + 200)
        await bus.idle()
        (moved,) = await bus.store.claim([Demand("mail", ("send",), None, 1)])
        await bus.store.settle([(moved, RELEASE)])
        clock.set_wall(clock.wall() + 100)
        await bus.store.poll()
        assert (await bus.store.claim([Demand("mail", ("send",), None, 1)]), log.numbers) == (
            [],
            [],
        )
        assert await expired(bus) == 1


async def test_it_does_not_run_as_a_redelivery(tmp_path, clock, log):
    """Taken back from a process that died with it, and too old by then."""
    url = f"sqlite:///{tmp_path / 'bus.db'}"
    bus = ActorBus("shop", open_store(url, clock))
    bus.add_channel("mail")
    subscribe(bus, log, time_to_live=300)
    async with bus.running(consume="none"):
        await bus.events.publish(Ordered(1))
    dead = open_store(url, clock)
    await dead.open(process("dead", lease=10.0))
    assert len(await dead.claim([Demand("mail", ("send",), None, 1)])) == 1

    clock.advance(400)  # its lease has run out, and so has the message's life
    async with bus.running():
        assert await bus.store.take_back() == 1
        await bus.idle()
        assert (log.numbers, await expired(bus)) == ([], 1)
    await dead.close()


async def test_it_does_not_run_if_it_expires_between_claim_and_start(bus, clock, log):
    """Both are claimed at once; while the first is handled the second one's life ends."""
    bus.add_channel("mail", concurrency=1)

    @bus.event_handler(channel="mail", endpoint_id="send", time_to_live=300)
    async def send(event: Ordered) -> None:
        log.note(event.number)
        clock.set_wall(clock.wall() + 300)

    async with bus.running():
        await bus.events.publish_many([Ordered(1), Ordered(2)])
        await bus.idle()
        assert (log.numbers, await expired(bus), bus.counters.expired) == ([1], 1, 1)
        (channel,) = (await bus.health()).channels
        assert channel.endpoints[0].expired == 1


async def test_it_does_not_run_if_it_expires_while_it_waits_for_a_thread(bus, log, monkeypatch):
    """Threads and processes are shared by all handlers; what waits for one is not begun yet."""
    bus.add_channel("mail")

    @bus.command_handler
    def ship(command: Ship) -> None:
        log.note(command.number)

    @bus.event_handler(channel="mail", endpoint_id="send", time_to_live=300)
    def send(event: Ordered, commands: CommandBus) -> None:
        commands.send(Ship(event.number)).get()

    async with bus.running():
        await bus.events.publish(Ordered(1))
        await bus.idle()
        now = time.monotonic()
        ticks = iter([now, now + 299, now, now + 300])  # claimed and begun, two times
        monkeypatch.setattr(_start_by, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
        await bus.events.publish(Ordered(2))
        await bus.idle()
        await bus.events.publish(Ordered(3))
        await bus.idle()
        assert (log.numbers, await expired(bus), bus.counters.started) == ([1, 2], 1, 2)


# -- priority -------------------------------------------------------------------------------


async def test_a_higher_priority_overtakes_and_equal_ones_keep_their_order(bus, log):
    bus.add_channel("mail", concurrency=1)
    subscribe(bus, log)

    async with bus.running(consume="none"):
        for number in range(9):
            await bus.events.publish(Ordered(number), priority=number % 3)
        claimed = []
        for _ in range(9):
            (one,) = await bus.store.claim([Demand("mail", ("send",), None, 1)])
            claimed.append(one)

    numbers = [one.sequence - claimed[6].sequence for one in claimed]
    assert numbers == [2, 5, 8, 1, 4, 7, 0, 3, 6]


async def test_a_higher_priority_overtakes_what_is_claimed_and_has_not_begun(bus, log):
    """The worker is busy with the first one while the others come."""
    bus.add_channel("mail", concurrency=1)
    busy, go_on = trio.Event(), trio.Event()

    @bus.event_handler(channel="mail")
    async def send(event: Ordered) -> None:
        busy.set()
        await go_on.wait()
        log.note(event.number)

    async def all_are_claimed():
        return (await bus.health()).channels[0].endpoints[0].in_flight == 9

    async with bus.running():
        await bus.events.publish_many([Ordered(number) for number in range(6)])
        await busy.wait()
        await bus.events.publish(Ordered(10), priority=5)
        await bus.events.publish(Ordered(11), priority=9)
        await bus.events.publish(Ordered(12), priority=5)
        await until(all_are_claimed)
        go_on.set()
        await bus.idle()

    assert log.numbers == [0, 11, 10, 12, 1, 2, 3, 4, 5]


async def test_of_priorities_too_the_most_specific_wins(bus, log):
    bus.add_channel("mail", priority=1)
    subscribe(bus, log)
    subscribe(bus, log, priority=2, endpoint_id="own")

    class Urgent(EventBus, priority=3): ...

    events = bus.gateway(Urgent)
    async with bus.running(consume="none"):
        await bus.events.publish(Ordered(1))
        await events.publish(Ordered(2))
        await events.publish(Ordered(3), priority=0)
        claimed = await bus.store.claim(
            [Demand("mail", ("send",), None, 9), Demand("mail", ("own",), None, 9)]
        )

    found = sorted((one.endpoint, one.priority) for one in claimed)
    assert found == [("own", 0), ("own", 2), ("own", 3), ("send", 0), ("send", 1), ("send", 3)]


class PlainChannel(StoreChannel):
    """A kind of channel that keeps no priorities, and delivers at once."""

    capabilities = StoreChannel.capabilities - {"priority", "delay"}


def test_what_a_channel_cannot_honour_is_refused_wherever_it_was_said(bus, log):
    bus.add_channel("mail")
    bus.add_channel(PlainChannel("plain", priority=1))

    @bus.event_handler(channel="plain", delay=5)
    async def send(event: Ordered) -> None: ...

    class Urgent(EventBus, channel="plain", priority=3): ...

    bus.gateway(Urgent)
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()

    cannot = "is not possible on channel 'plain' (PlainChannel): drop it; those that can: 'mail'"
    assert [problem.text for problem in caught.value.problems] == [
        f"priority= {cannot}",
        f"{Urgent.__qualname__}: priority= {cannot}",
        f"delay= {cannot}",
    ]


async def test_what_a_channel_cannot_honour_is_refused_to_the_sender(bus, log):
    bus.add_channel(PlainChannel("plain"))
    subscribe(bus, log, "plain")

    async with bus.running():
        for options in ({"priority": 1}, {"delay": 5}, {"deliver_at": 2e9}):
            name = "priority" if "priority" in options else "delay"
            with pytest.raises(InvalidSendOption, match=rf"{name}= is not possible .*'plain'"):
                await bus.events.publish(Ordered(1), **options)
        await bus.events.publish(Ordered(2), time_to_live=60)
        await bus.idle()

    assert log.numbers == [2]


# -- timeout, deduplicate, retry ------------------------------------------------------------


async def test_a_handlers_timeout_is_its_channels_unless_it_has_its_own(autojump_clock, log):
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("mail", timeout=timedelta(seconds=5), retry=Retry(attempts=1))

    @bus.event_handler(channel="mail", endpoint_id="patient", timeout=60)
    async def patient(event: Ordered) -> None:
        await trio.sleep(10)
        log.note("done")

    @bus.event_handler(channel="mail", endpoint_id="hasty")
    async def hasty(event: Ordered) -> None:
        await trio.sleep(10)
        log.note("never")

    async with bus.running():
        await bus.events.publish(Ordered(1))
        await trio.sleep(20)
        (letter,) = await bus.dead_letters.list()

    assert log.numbers == ["done"]
    assert (letter.endpoint, letter.exception) == ("hasty", "actorbus.HandlerTimeout")
    assert "ran longer than 5 s" in (letter.exception_message or "")


async def test_a_gateways_channel_gives_its_timeout_to_synchronous_handlers(autojump_clock, log):
    """Called at once such a handler has no limit; through the channel it has the channel's."""
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("async", timeout=5, retry=Retry(attempts=1))

    @bus.command_handler
    async def ship(command: Ship) -> None:
        await trio.sleep(10)
        log.note(command.number)

    class Later(CommandBus, channel="async"): ...

    later = bus.gateway(Later)
    async with bus.running():
        await bus.commands.send(Ship(1))
        await later.send(Ship(2))
        await trio.sleep(20)
        assert await bus.dead_letters.count() == 1

    assert log.numbers == [1]


@pytest.mark.parametrize("place", ["message", "gateway"])
async def test_a_messages_own_timeout_and_retry_travel_with_it(autojump_clock, log, place):
    """Over both hops, to its end: they come before those of handler and channel."""
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("outbox")
    bus.add_channel("mail", timeout=100, retry=Retry(attempts=9))

    @bus.event_handler(channel="mail", endpoint_id="send", timeout=50)
    async def send(event: Ordered, headers: Headers) -> None:
        log.note((event.number, headers.attempt, trio.current_time() - begin))
        await trio.sleep(20)

    own: dict[str, Any] = {"timeout": 10, "retry": Retry(attempts=2, initial=5, jitter=0)}

    class Outbox(EventBus, channel="outbox", **own if place == "gateway" else {}): ...

    events = bus.gateway(Outbox)
    async with bus.running():
        begin = trio.current_time()
        await events.publish(Ordered(1), **own if place == "message" else {})
        await trio.sleep(5)
        await bus.events.publish(Ordered(2))
        await trio.sleep(100)
        (letter,) = await bus.dead_letters.list()

    assert [entry[:2] for entry in log.numbers] == [(1, 1), (2, 1), (1, 2)]
    assert 15 <= log.numbers[2][2] < 16
    assert (letter.attempts, letter.reason) == (2, "attempts exhausted")
    assert "ran longer than 10 s" in (letter.exception_message or "")


async def test_a_calls_own_retry_comes_before_its_gateways(autojump_clock, log):
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("mail")

    @bus.event_handler(channel="mail")
    async def send(event: Ordered) -> None:
        log.note(event.number)
        raise LookupError

    class Patient(EventBus, retry=Retry(attempts=4, initial=0.1)): ...

    events = bus.gateway(Patient)
    async with bus.running():
        await events.publish(Ordered(1), retry=Retry(attempts=2, initial=0.1))
        await events.publish(Ordered(2), timeout=3)
        await trio.sleep(60)

    assert (log.numbers.count(1), log.numbers.count(2)) == (2, 4)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"timeout": 0}, "timeout=0 is not allowed: give seconds, more than 0"),
        ({"timeout": "soon"}, "timeout='soon' is not allowed"),
        ({"retry": 3}, "retry=3 is not allowed: give a Retry"),
        ({"retry": InstantRetry(2)}, "an InstantRetry is for handlers that are called at once"),
    ],
)
async def test_a_messages_own_timeout_and_retry_are_checked(bus, log, options, text):
    bus.add_channel("mail")
    subscribe(bus, log)

    async with bus.running():
        with pytest.raises(InvalidSendOption, match=text):
            await bus.events.publish(Ordered(1), **options)


async def test_a_handler_that_is_called_at_once_takes_none_of_them(bus):
    @bus.command_handler
    async def ship(command: Ship) -> None: ...

    async with bus.running():
        for options in ({"timeout": 5}, {"retry": Retry(attempts=2)}, {"delay": 5}):
            (name,) = options
            with pytest.raises(InvalidSendOption, match=f"{name}= needs a channel"):
                await bus.commands.send(Ship(1), **options)


async def test_deduplicate_is_the_channels_unless_the_handler_has_its_own(bus, log):
    bus.add_channel("mail", deduplicate=lambda event: "all the same")
    subscribe(bus, log)
    subscribe(bus, log, endpoint_id="own", deduplicate=lambda event: event.number)

    async with bus.running():
        for number in (1, 2, 2):
            await bus.events.publish(Ordered(number))
        await bus.idle()

    assert sorted(log.numbers) == [1, 1, 2]


async def test_a_dynamic_channel_takes_the_same_options(bus, clock, log):
    bus.add_channel(DynamicChannel("mail", tenant=header("shop"), delay=60, priority=2))
    subscribe(bus, log)

    async with bus.running():
        options = {"headers": {"shop": "north"}}
        assert await minutes_until_handled(bus, clock, log, **options) == 1


async def test_a_permanent_error_is_no_matter_of_options(bus, log):
    bus.add_channel("mail", retry=Retry(attempts=5), time_to_live=60)

    @bus.event_handler(channel="mail")
    async def send(event: Ordered) -> None:
        raise PermanentError

    async with bus.running():
        await bus.events.publish(Ordered(1))
        await bus.idle()
        assert await bus.dead_letters.count() == 1


# -- one report -----------------------------------------------------------------------------


def test_all_that_start_up_must_refuse_is_in_one_report(log):
    bus = ActorBus("shop")
    wrong: dict[str, Any] = {"delay": "soon", "time_to_live": 0}
    bus.add_channel("mail", **wrong)
    bus.add_channel(PlainChannel("plain"))
    subscribe(bus, log, "mial")
    subscribe(bus, log, endpoint_id="once")
    subscribe(bus, log, endpoint_id="once")
    subscribe(bus, log, endpoint_id="renamed", aliases=("once",))
    subscribe(bus, log, endpoint_id="also renamed", aliases=("renamed", "older"))
    subscribe(bus, log, endpoint_id="last", aliases=("older",), delay=NAIVE)
    subscribe(bus, log, "plain", endpoint_id="urgent", priority=1)

    @bus.command_handler
    async def ship(command: Ship) -> None: ...

    @bus.command_handler
    async def ship_again(command: Ship) -> None: ...

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    report = str(caught.value)

    for expected in [
        "channel 'mail': delay='soon' is not allowed: give seconds (0 or more)",
        "channel 'mail': time_to_live=0 is not allowed",
        "no channel 'mial'; did you mean 'mail'?",
        "endpoint id 'once' is taken by",
        "alias 'once' is the endpoint id of",
        "alias 'renamed' is the endpoint id of",
        "alias 'older' is an alias of",
        "it has no time zone",
        "priority= is not possible on channel 'plain' (PlainChannel)",
        "two handlers of the command",
    ]:
        assert expected in report, report
