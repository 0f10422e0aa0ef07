"""Which ticks are sent, which are left out, and what is planned next."""

from dataclasses import replace

import pytest

from actorbus.schedules._due import due, planned
from actorbus.schedules._schedule import Schedule
from actorbus.schedules._timetable import Cron, Every

HOUR = 3600.0
HOURLY = Schedule(
    name="hourly",
    timetable=Every(3_600_000_000),
    channel="schedules",
    zone="UTC",
    missed="last",
    missed_limit=100,
    grace=60.0,
    jitter=0.0,
    headers={},
    where="",
)


def never(schedule, at):
    """No jitter at all."""
    return 0.0


def firing(schedule, now, draw=never):
    """What happens at `now`, in hours, to what was planned at 0."""
    return due(schedule, planned(schedule, 0.0, draw, None), now * HOUR, draw)


def hours(ticks):
    return [tick / HOUR for tick in ticks]


@pytest.mark.parametrize("missed", ["all", "last", "none"])
def test_a_tick_in_time_is_sent_under_every_policy(missed):
    fired = firing(replace(HOURLY, missed=missed), 1.0)

    assert (hours(fired.ticks), fired.left_out) == ([1.0], 0)
    assert (fired.row.next_at, fired.row.ticks, fired.row.last_at) == (2 * HOUR, 1, HOUR)


@pytest.mark.parametrize(
    ("missed", "sent", "left_out"),
    [("all", [1.0, 2.0, 3.0, 4.0, 5.0], 0), ("last", [5.0], 4), ("none", [], 5)],
)
def test_five_missed_ticks_by_each_policy(missed, sent, left_out):
    fired = firing(replace(HOURLY, missed=missed), 5.5)

    assert (hours(fired.ticks), fired.left_out) == (sent, left_out)
    assert fired.row.next_at == 6 * HOUR
    assert fired.row.ticks == len(sent)


def test_none_sends_the_last_one_while_it_is_merely_late():
    schedule = replace(HOURLY, missed="none", grace=60.0)

    assert hours(firing(schedule, 5 + 59 / HOUR).ticks) == [5.0]
    assert firing(schedule, 5 + 61 / HOUR).ticks == ()


def test_all_sends_the_newest_up_to_its_limit():
    fired = firing(replace(HOURLY, missed="all", missed_limit=3), 1000.5)

    assert (hours(fired.ticks), fired.left_out) == ([998.0, 999.0, 1000.0], 997)


def test_jitter_sends_a_tick_later_and_plans_it_as_before():
    schedule = replace(HOURLY, jitter=600.0)
    row = planned(schedule, 0.0, lambda schedule, at: 0.5, None)

    assert (row.next_at, row.fires_at) == (HOUR, HOUR + 300)
    fired = due(schedule, row, HOUR + 300, lambda schedule, at: 0.25)
    assert (fired.ticks, fired.row.fires_at) == ((HOUR,), 2 * HOUR + 150)


def test_the_jitter_of_the_last_one_holds_after_a_pause_too():
    """At five hours and a minute the fifth is not due yet: it is what comes next."""
    schedule = replace(HOURLY, jitter=600.0)
    row = planned(schedule, 0.0, lambda schedule, at: 0.5, None)
    fired = due(schedule, row, 5 * HOUR + 60, lambda schedule, at: 0.5)

    assert (hours(fired.ticks), fired.left_out) == ([4.0], 3)
    assert (fired.row.next_at, fired.row.fires_at) == (5 * HOUR, 5 * HOUR + 300)


def test_a_year_of_missed_minutes_is_counted_up_to_a_thousand():
    schedule = replace(HOURLY, timetable=Cron("* * * * *"))
    row = planned(schedule, 0.0, never, None)

    assert due(schedule, row, 365 * 24 * HOUR, never).left_out == 1000


def test_another_definition_is_planned_anew_and_keeps_what_was():
    old = replace(HOURLY, timetable=Every(60_000_000))
    row = due(old, planned(old, 0.0, never, None), 60.0, never).row
    new = planned(HOURLY, 90.0, never, row)

    assert (new.next_at, new.anchor, new.ticks, new.last_at) == (90 + HOUR, 90.0, 1, 60.0)
    assert new.version == row.version + 1


def test_the_same_definition_keeps_its_anchor():
    row = planned(HOURLY, 10.0, never, None)

    assert planned(HOURLY, 2 * HOUR, never, row).next_at == 10 + 2 * HOUR
