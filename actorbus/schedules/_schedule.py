"""A schedule: what may be said of it, and what it is once that is checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from inspect import Parameter
from typing import Any, Literal
from zoneinfo import ZoneInfo

from actorbus.declaring._handlers import Declaration, place_of
from actorbus.options._options import HandlerOptions, Seconds
from actorbus.schedules._tick import Tick
from actorbus.schedules._timetable import Timetable

CHANNEL = "schedules"
"""The channel of schedules that name none. Declare it to give it options."""

GRACE = 60.0
"""Seconds for which a tick is late and not missed, unless the schedule says otherwise."""

MISSED_LIMIT = 100
"""How many missed ticks `missed="all"` makes up for, unless the schedule says otherwise."""

Missed = Literal["all", "last", "none"]


class ScheduleOptions(HandlerOptions, total=False):
    """What a schedule may be told: `cron` or `every`, and what any handler on a channel may be.

    `cron` is a line of five fields (minute, hour, day, month, weekday) by the wall clock of
    `timezone` (a name like "Europe/Berlin", default UTC); docs/scheduling.md says what happens
    where the clocks are changed. `every` is a span of time, counted from `start` (with a time
    zone), or from when the schedule was planned first; no tick comes before `start`.

    `missed` says what becomes of ticks whose time passed while no process was there to send them:
    "last" (the default) sends the last of them, "all" all of them, but the newest `missed_limit`
    (100) at most, "none" none that is more than `grace` seconds (60) late. `jitter`: each tick is
    sent up to so many seconds after its planned time.

    `name` is the schedule's and its handler's endpoint id; default `module.function`. `headers` are
    given to its ticks, and so to what the handler sends. `channel` is "schedules" unless given.
    """

    cron: str
    every: Seconds
    timezone: str | ZoneInfo
    start: datetime
    missed: Missed
    missed_limit: int
    grace: Seconds
    jitter: Seconds
    name: str
    headers: Mapping[str, str]


SETTINGS = frozenset(ScheduleOptions.__annotations__) - frozenset(HandlerOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that can tick. Times are seconds.

    `targets` are the channels that its ticks may be stored on: those that `channel` leads to, or
    that one alone. Whoever consumes one of them sends the ticks.
    """

    name: str
    timetable: Timetable
    channel: str
    zone: str
    missed: Missed
    missed_limit: int
    grace: float
    jitter: float
    headers: Mapping[str, str]
    where: str
    targets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scheduled(Declaration):
    """The handler of a schedule as it was written, and what was said of the schedule."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    place: str | None = None

    @property
    def where(self) -> str:
        """The place in the source: of the function, or of the call of `bus.schedule`."""
        return self.place or place_of(self.function)

    def parameters(self) -> dict[str, Parameter]:
        """Return a parameter for the tick, then those that are something else."""
        tick = Parameter("tick", Parameter.POSITIONAL_ONLY, annotation=Tick)
        own = Declaration.parameters(self)
        others = {name: one for name, one in own.items() if one.annotation is not Tick}
        return {"": tick, **others}

    def tick_parameters(self) -> list[Parameter]:
        """Return the parameters that are the tick. Raises what annotations raise."""
        return [one for one in Declaration.parameters(self).values() if one.annotation is Tick]
