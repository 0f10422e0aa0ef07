"""A schedule that cannot tick is refused at start-up, with everything else that is wrong."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from actorbus import ActorBus, BusConfigurationError, DynamicChannel, RoutedChannel, Tick, header


@dataclass(frozen=True)
class CloseDay:
    shop: str = "north"


@dataclass(frozen=True)
class GetReport:
    pass


@pytest.fixture
def bus():
    return ActorBus("shop")


def problems(bus):
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return [str(problem) for problem in caught.value.problems]


def refused(bus, **options):
    """What is said of a schedule with these options, without its place."""

    @bus.scheduled(**options)
    async def report():
        pass

    (text,) = problems(bus)
    place, _, fault = text.partition(": ")
    assert place.endswith("refused.report")
    return fault


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "a schedule needs cron= or every=, such as cron='0 6 * * *'"),
        (
            {"cron": "0 6 * * *", "every": 5},
            "cron= and every= contradict each other; drop one",
        ),
        ({"cron": "0 0 30 2 *"}, "cron='0 0 30 2 *' never ticks: there is no such day"),
        (
            {"cron": "0 0 * *"},
            "cron='0 0 * *' is not allowed: give five fields (minute, hour, day, month, weekday)",
        ),
        (
            {"cron": "R 6 * * *"},
            (
                "cron='R 6 * * *' is not allowed: give times: R and H would mean another time in"
                " each process"
            ),
        ),
        (
            {"every": timedelta(0)},
            (
                "every=datetime.timedelta(0) is not allowed: give a timedelta or"
                " seconds, at least 0.001"
            ),
        ),
        ({"every": -5}, "every=-5 is not allowed: give a timedelta or seconds, at least 0.001"),
        (
            {"every": 60, "start": datetime(2026, 1, 1)},  # noqa: DTZ001  what is refused
            (
                "start=datetime.datetime(2026, 1, 1, 0, 0) is not allowed: give a datetime with a"
                " time zone"
            ),
        ),
        (
            {"every": 60, "timezone": "Europe/Berlin"},
            "timezone= is for cron=: every= counts seconds, in all time zones alike",
        ),
        (
            {"every": 60, "missed": "some"},
            ("missed='some' is not allowed: give 'all' or 'last' or 'none'"),
        ),
        (
            {"every": 60, "missed_limit": 5},
            "missed_limit= is for missed='all', not for missed='last'",
        ),
        ({"every": 60, "grace": 5}, "grace= is for missed='none', not for missed='last'"),
        ({"every": 60, "jitter": 60}, "jitter=60 is not less than every=60"),
        (
            {"every": 60, "jitter": -1},
            "jitter=-1 is not allowed: give seconds (a number or a timedelta), 0 or more",
        ),
        (
            {"every": 60, "name": " x"},
            ("' x' is no name: text is wanted, without `__main__` or outer spaces"),
        ),
        ({"every": 60, "headers": {"tenant": 5}}, "header 'tenant': the value 5 is int, not text"),
    ],
)
def test_what_cannot_be_meant_is_refused(bus, options, fault):
    assert refused(bus, **options) == fault


def test_an_unknown_zone_gets_a_suggestion(bus):
    fault = refused(bus, cron="0 6 * * *", timezone="Europe/Berlim")

    assert fault.startswith("timezone='Europe/Berlim' is not known; did you mean 'Europe/Berlin'?")


@pytest.mark.parametrize("line", ["61 * * * *", "*/0 * * * *", "0 0 * * XYZ"])
def test_a_line_that_cannot_be_read_is_refused_with_the_reason(bus, line):
    assert refused(bus, cron=line).startswith(f"cron={line!r} cannot be read: ")


def test_an_unknown_channel_gets_a_suggestion(bus):
    bus.add_channel("reports")
    fault = refused(bus, every=60, channel="report")

    assert fault == "no channel 'report'; did you mean 'reports'? (known: reports)"


def test_an_unknown_option_gets_a_suggestion(bus):
    assert refused(bus, every=60, jiter=5).startswith(
        "a schedule has no option jiter=; did you mean 'jitter'?"
    )


def test_a_name_is_one_schedules(bus):
    @bus.scheduled(every=60, name="report")
    async def first(): ...

    @bus.scheduled(every=60, name="report")
    async def second(): ...

    (text,) = problems(bus)
    assert "endpoint id 'report' is taken by" in text
    assert text.endswith("; give name=")


def test_all_that_is_wrong_is_one_report(bus):
    bus.scheduled(cron="0 0 30 2 *")(lambda: None)
    bus.schedule(CloseDay(), cron="0 6 * * *", timezone="Mars/Olympus", name="close")
    bus.scheduled(every=0, channel="nowhere", name="often")(lambda: None)

    assert len(problems(bus)) == 5


def test_a_parameter_that_nothing_provides_is_refused(bus):
    class Mailer: ...

    @bus.scheduled(every=60)
    async def report(tick: Tick, mailer: Mailer): ...

    (text,) = problems(bus)
    assert "parameter 'mailer': nothing provides" in text


def test_a_tick_that_is_positional_only_is_refused(bus):
    @bus.scheduled(every=60)
    async def report(tick: Tick, /): ...

    (text,) = problems(bus)
    assert text.endswith("parameter 'tick' is positional only; the tick is passed by name")


def test_a_tenant_channel_without_a_tenant_is_refused(bus):
    bus.add_channel(DynamicChannel("shops", tenant=header("shop")))
    fault = refused(bus, every=60, channel="shops")

    assert fault.endswith("refuses its ticks: the message has no header 'shop'; give headers=")


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({}, "the message has no header 'shop'; give headers="),
        ({"shop": "east"}, "it has no route for 'east' (known: north)"),
    ],
)
def test_a_routed_channel_without_a_route_is_refused(bus, headers, fault):
    bus.add_channel("north")
    bus.add_channel(RoutedChannel("shops", route=header("shop"), to=["north"]))

    assert refused(bus, every=60, channel="shops", headers=headers).endswith(fault)


def test_headers_give_it_a_tenant(bus):
    bus.add_channel(DynamicChannel("shops", tenant=header("shop")))
    bus.scheduled(every=60, channel="shops", headers={"shop": "north"}, name="x")(lambda: None)

    assert [one.name for one in bus.check().schedules] == ["x"]


# -- schedules that send a message ---------------------------------------------------------


def only_problem(bus):
    (text,) = problems(bus)
    return text.partition(": ")[2]


def test_a_message_that_nobody_knows_is_refused(bus):
    bus.schedule(CloseDay(), every=60, name="close")

    assert only_problem(bus).endswith(
        "CloseDay is no message type of this bus: no handler takes it, and it was not registered"
        " with @bus.message"
    )


def test_a_query_a_class_and_a_missing_name_are_refused(bus):
    @bus.query_handler
    async def report(query: GetReport) -> str:
        return ""

    bus.schedule(GetReport(), every=60, name="a")
    bus.schedule(GetReport, every=60, name="b")
    bus.schedule(lambda tick: None, every=60)

    assert [text.partition(": ")[2] for text in problems(bus)] == [
        "bus.schedule(...) needs name=",
        "a query is asked; a schedule sends a command or an event",
        "GetReport is a class, not a message: make one of it",
    ]


def test_an_unknown_routing_key_gets_a_suggestion(bus):
    @bus.event_handler("day.closed")
    async def note(event: dict[str, str]): ...

    bus.schedule({}, routing_key="day.close", every=60, name="close")

    assert only_problem(bus).startswith(
        "no message type is registered as 'day.close'; did you mean 'day.closed'?"
    )


# -- what is fine --------------------------------------------------------------------------


def test_a_zone_may_be_a_zoneinfo_and_a_line_have_spare_spaces(bus):
    bus.scheduled(cron=" 0  6 * * *", timezone=ZoneInfo("Europe/Berlin"), name="x")(lambda: None)

    (schedule,) = bus.check().schedules
    assert schedule.timetable.definition == "0 6 * * * (Europe/Berlin)"


def test_the_channel_of_schedules_may_be_declared_before_or_after(bus):
    bus.add_channel("schedules", concurrency=1)
    bus.scheduled(every=60, name="x")(lambda: None)
    other = ActorBus("other")
    other.scheduled(every=60, name="x")(lambda: None)
    other.add_channel("schedules", concurrency=1)

    assert [channel.concurrency for each in (bus, other) for channel in each.channels] == [1, 1]
    bus.check()
    other.check()
