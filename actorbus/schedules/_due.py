"""Which ticks of a schedule are sent now, and what is planned after them. Pure.

Rules:
 1. A tick is due at its planned time plus its jitter. One that is due is in the past.
 2. Of several that are due the policy takes some; the others are left out, and told as an event.
 3. "last" takes the last one, "none" too, unless that is late by more than the grace; "all" takes
    all, but not more than the limit, the newest.
 4. What is planned next is the first tick that is not due, whatever became of those before it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from actorbus._store import ScheduleRow
from actorbus.schedules._schedule import Schedule
from actorbus.schedules._timetable import MOST_COUNTED

Draw = Callable[[Schedule, float], float]
"""Returns a number from 0 to 1 for the tick that is planned for this time."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What happens to a schedule whose time has come."""

    ticks: tuple[float, ...]
    """The planned times of the ticks that are sent, in order."""
    left_out: int
    """How many are not, before the first of them."""
    row: ScheduleRow
    """What is planned next."""


def planned(schedule: Schedule, now: float, draw: Draw, old: ScheduleRow | None) -> ScheduleRow:
    """Return the plan of a schedule that is new, was changed, or was paused until now."""
    timetable, definition = schedule.timetable, schedule.timetable.definition
    if old is None or old.definition != definition:
        anchor, next_at = timetable.first(now)
    else:
        anchor = old.anchor
        next_at = timetable.after(now, anchor) if anchor <= now else anchor
    plan = ScheduleRow(
        name=schedule.name,
        definition=definition,
        channel=schedule.channel,
        anchor=anchor,
        next_at=next_at,
        fires_at=next_at + schedule.jitter * draw(schedule, next_at),
    )
    if old is None:
        return plan
    return msgspec.structs.replace(
        plan,
        ticks=old.ticks,
        last_at=old.last_at,
        last_fired_at=old.last_fired_at,
        last_fired_by=old.last_fired_by,
        paused=old.paused,
        version=old.version + 1,
    )


def due(schedule: Schedule, row: ScheduleRow, now: float, draw: Draw) -> Firing:
    """Decide about a schedule with `row.fires_at` at or before `now`."""
    most = max(MOST_COUNTED, schedule.missed_limit) + 1
    past = schedule.timetable.past(row.next_at, now, row.anchor, most)
    times, count = list(past.newest), past.count
    next_at = schedule.timetable.after(times[-1], row.anchor)
    fires_at = next_at + schedule.jitter * draw(schedule, next_at)
    while len(times) > 1:
        last_fires_at = times[-1] + schedule.jitter * draw(schedule, times[-1])
        if last_fires_at <= now:
            break
        next_at, fires_at = times.pop(), last_fires_at
        count -= 1
    chosen = _chosen(schedule, times, now)
    left_out = count - len(chosen)
    after = msgspec.structs.replace(
        row,
        channel=schedule.channel,
        next_at=next_at,
        fires_at=fires_at,
        ticks=row.ticks + len(chosen),
        version=row.version + 1,
    )
    if chosen:
        after = msgspec.structs.replace(after, last_at=chosen[-1], last_fired_at=now)
    return Firing(tuple(chosen), left_out, after)


def _chosen(schedule: Schedule, times: list[float], now: float) -> list[float]:
    match schedule.missed:
        case "all":
            return times[-schedule.missed_limit :]
        case "last":
            return times[-1:]
        case "none":
            late = now - times[-1] > schedule.grace + schedule.jitter
            return [] if late else times[-1:]
