"""When something ticks: intervals from their anchor, cron lines where the clocks are changed."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actorbus.schedules._timetable import Cron, Every, ever_ticks

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def times(line, zone, start, count):
    """The next times of a line after `start`, as the wall clock shows them."""
    cron, time, found = Cron(line, zone), at(start, zone), []
    for _ in range(count):
        time = cron.after(time, 0)
        found.append(datetime.fromtimestamp(time, ZoneInfo(zone)).isoformat(timespec="minutes"))
    return found


@pytest.mark.parametrize(
    ("zone", "day", "offset"),
    [(BERLIN, "2026-03-29", "+02:00"), (NEW_YORK, "2026-03-08", "-04:00")],
)
def test_a_named_hour_that_is_left_out_ticks_when_the_clocks_are_put_forward(zone, day, offset):
    assert times("30 2 * * *", zone, f"{day}T00:00", 1) == [f"{day}T03:00{offset}"]


@pytest.mark.parametrize(
    ("zone", "line", "day", "first"),
    [
        (BERLIN, "30 2 * * *", "2026-10-25", "T02:30+02:00"),
        (NEW_YORK, "30 1 * * *", "2026-11-01", "T01:30-04:00"),
    ],
)
def test_a_named_hour_that_comes_twice_ticks_the_first_time(zone, line, day, first):
    today, tomorrow = times(line, zone, f"{day}T00:00", 2)

    assert today == day + first
    assert not tomorrow.startswith(day)


def test_several_times_in_the_hour_that_is_left_out_are_one_tick():
    assert times("*/15 2 * * *", BERLIN, "2026-03-29T00:00", 2) == [
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:00+02:00",
    ]


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        (BERLIN, "2026-03-29T01:20", ["29T01:30+01:00", "29T03:30+02:00", "29T04:30+02:00"]),
        (NEW_YORK, "2026-03-08T01:20", ["08T01:30-05:00", "08T03:30-04:00", "08T04:30-04:00"]),
        (BERLIN, "2026-10-25T02:20", ["25T02:30+02:00", "25T02:30+01:00", "25T03:30+01:00"]),
        (NEW_YORK, "2026-11-01T01:20", ["01T01:30-04:00", "01T01:30-05:00", "01T02:30-05:00"]),
    ],
)
def test_a_line_for_every_hour_ticks_with_the_hours_that_pass(zone, start, expected):
    assert [text[8:] for text in times("30 * * * *", zone, start, 3)] == expected


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        *((BERLIN, day) for day in ("2026-03-29", "2026-10-25")),
        *((NEW_YORK, day) for day in ("2026-03-08", "2026-11-01")),
        *(("Australia/Lord_Howe", day) for day in ("2026-04-05", "2026-10-04")),
    ],
)
def test_every_ten_minutes_are_ten_minutes_apart_also_when_the_clocks_are_changed(zone, change):
    """On Lord Howe by half an hour."""
    cron, time = Cron("*/10 * * * *", zone), at(f"{change}T00:00", zone)
    found = [time]
    for _ in range(6 * 8):
        time = cron.after(time, 0)
        found.append(time)

    assert {later - earlier for earlier, later in pairwise(found)} == {600.0}


@settings(max_examples=25)
@given(
    line=st.sampled_from(
        ["*/20 * * * *", "30 2 * * *", "0 */2 * * *", "15 1,2,3 * * 0", "5 0 1 * *"]
    ),
    zone=st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe"]),
    start=st.integers(1_704_067_200, 1_798_761_600),
    count=st.integers(1, 30),
)
def test_what_is_past_is_what_came_one_after_the_other(line, zone, start, count):
    """Time goes on, and the newest of the past are the last that came."""
    cron, first = Cron(line, zone), Cron(line, zone).after(start, 0)
    found = [first]
    for _ in range(count):
        found.append(cron.after(found[-1], 0))
    past = cron.past(first, found[-1] + 1, 0, 5)

    assert found == sorted(set(found))
    assert past.newest == tuple(found[-5:])


def test_an_interval_counts_from_its_anchor():
    every = Every(90_000_000)

    assert every.first(1_000.5) == (1_000.5, 1_090.5)
    assert every.after(1_090.5, 1_000.5) == 1_180.5
    assert every.after(5_000.0, 1_000.5) == 5_050.5


def test_an_interval_is_not_blurred_by_a_million_ticks():
    every, anchor = Every(100_000), 1_700_000_000.0

    assert every.after(anchor + 99_999.95, anchor) == anchor + 100_000.0


def test_an_interval_counts_all_of_a_long_past_and_names_the_newest():
    past = Every(1_000_000).past(1_000.0, 31_000_000.5, 0.0, 3)

    assert past.newest == (30_999_998.0, 30_999_999.0, 31_000_000.0)
    assert past.count == 30_999_001


def test_a_start_is_the_first_time_at_the_earliest():
    assert Every(60_000_000, start=500.0).first(100.0) == (500.0, 500.0)
    assert Every(60_000_000, start=500.0).first(530.0) == (500.0, 560.0)
    start = at("2026-01-01T06:00")
    assert Cron("0 6 * * *", start=start).first(start - 86_400 * 3)[1] == start


@pytest.mark.parametrize("line", ["0 0 30 2 *", "0 0 31 2,4 *"])
def test_a_day_that_never_comes_is_found_out(line):
    assert not ever_ticks(line)
    assert ever_ticks("0 0 29 2 *")


def test_another_zone_or_start_is_another_definition():
    lines = [Cron("0 6 * * *"), Cron("0 6 * * *", BERLIN), Cron("0 6 * * *", "UTC", 5.0)]
    intervals = [Every(1_000_000), Every(1_500_000)]

    assert len({each.definition for each in lines} | {each.definition for each in intervals}) == 5
