"""When something ticks: by a cron line in a time zone, or every so many seconds. Pure.

Rules of a cron line where the clocks are changed:
 1. Its hour field is `*`: it ticks by the hours that pass. Those of an hour that is left out do not
    happen, those of an hour that comes twice happen twice.
 2. Any other line names hours. A time that is left out happens at the moment when the clocks are
    put forward, a time that comes twice happens the first time.

croniter finds the times on the wall clock; which moments they are is decided here.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

MOST_COUNTED = 1_000
"""How many ticks in the past are looked at one by one."""

_MICRO = 1_000_000
_LONGEST_CHANGE = timedelta(hours=3)
_DENSEST = 60.0  # seconds: no cron line of five fields ticks more often
_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Past:
    """Ticks whose time has come: the newest of them, oldest first, and how many there are."""

    newest: tuple[float, ...]
    count: int
    """Of a cron line's at most so many as were asked for."""


class Timetable(Protocol):
    """When something ticks. Times are Unix times; `anchor` is kept with the schedule."""

    @property
    def definition(self) -> str:
        """The whole of it in words: another text is another timetable."""
        ...

    def first(self, now: float) -> tuple[float, float]:
        """Return the anchor of a schedule that is planned now, and its first time."""
        ...

    def after(self, time: float, anchor: float) -> float:
        """Return the first time after `time`."""
        ...

    def past(self, first: float, now: float, anchor: float, most: int) -> Past:
        """Return the times from `first` to `now`, the newest `most` of them one by one."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many microseconds, counted from the anchor: `start`, or when it was planned."""

    microseconds: int
    start: float | None = None

    @property
    def definition(self) -> str:
        """The interval in seconds."""
        return f"every {self.microseconds / _MICRO:.15g} s{_from(self.start)}"

    def first(self, now: float) -> tuple[float, float]:
        """Return the anchor and the first time: `start` itself, or a whole interval from now."""
        anchor = now if self.start is None else self.start
        return anchor, anchor if anchor > now else self.after(now, anchor)

    def after(self, time: float, anchor: float) -> float:
        """Return the first time after `time`."""
        begin = round(anchor * _MICRO)
        passed = (round(time * _MICRO) - begin) // self.microseconds
        return (begin + (passed + 1) * self.microseconds) / _MICRO

    def past(self, first: float, now: float, anchor: float, most: int) -> Past:
        """Return the times from `first` to `now`."""
        begin, end = round(first * _MICRO), round(now * _MICRO)
        count = (end - begin) // self.microseconds + 1
        newest = range(max(0, count - most), count)
        return Past(tuple((begin + place * self.microseconds) / _MICRO for place in newest), count)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron line of five fields, by the wall clock of a time zone."""

    line: str
    zone: str = "UTC"
    start: float | None = None
    _every_hour: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note whether the line names hours."""
        object.__setattr__(self, "_every_hour", croniter.expand(self.line)[0][1] == ["*"])

    @property
    def definition(self) -> str:
        """The line and the zone."""
        return f"{self.line} ({self.zone}){_from(self.start)}"

    def first(self, now: float) -> tuple[float, float]:
        """Return the anchor, which means nothing here, and the first time; `start` may be one."""
        if self.start is None or self.start <= now:
            return now, self.after(now, now)
        return now, self.after(self.start - 1 / _MICRO, now)

    def after(self, time: float, anchor: float) -> float:
        """Return the first time after `time`."""
        zone = ZoneInfo(self.zone)
        if not self._every_hour:
            return self._after(time, zone, second_pass=False)
        passes = (self._after(time, zone, second_pass=second) for second in (False, True))
        return min(passes)

    def past(self, first: float, now: float, anchor: float, most: int) -> Past:
        """Return the times from `first` to `now`, looking back until there are enough."""
        span = most * _DENSEST
        while True:
            begin = max(first, now - span)
            found = [begin] if begin == first else []
            time = begin
            while (time := self.after(time, anchor)) <= now:
                found.append(time)
            if begin == first or len(found) >= most:
                newest = tuple(found[-most:])
                return Past(newest, len(newest))
            span *= 2

    def _after(self, time: float, zone: ZoneInfo, *, second_pass: bool) -> float:
        """Return the first time after `time`, of hours that come twice one of the passes."""
        here = datetime.fromtimestamp(time, zone)
        start = here.replace(tzinfo=None, fold=0)
        if second_pass:  # the wall clock may be put back soon, to before what it shows now
            start -= max(_put_back(here, zone), timedelta())
        walls = croniter(self.line, start.replace(microsecond=0))
        while True:
            wall = walls.get_next(datetime)
            moment = self._moment(wall.replace(tzinfo=zone, fold=int(second_pass)))
            if moment is not None and moment > time:
                return moment

    def _moment(self, wall: datetime) -> float | None:
        """Return the moment at which the wall clock shows this; see the rules."""
        moment = wall.timestamp()
        if datetime.fromtimestamp(moment, wall.tzinfo).replace(tzinfo=None, fold=0) == wall.replace(
            tzinfo=None, fold=0
        ):
            return moment
        return None if self._every_hour else _put_forward(wall)


def ever_ticks(line: str) -> bool:
    """Return whether there is such a day at all: 30 February never comes. Raises ValueError."""
    try:
        croniter(line, datetime(2000, 1, 1)).get_next(datetime)  # noqa: DTZ001  a wall clock
    except CroniterBadDateError:
        return False
    return True


def _put_back(here: datetime, zone: ZoneInfo) -> timedelta:
    """Return by how much the wall clock is put back within the next hours."""
    later = (here.astimezone(UTC) + _LONGEST_CHANGE).astimezone(zone)
    return (here.utcoffset() or _NONE) - (later.utcoffset() or _NONE)


def _put_forward(wall: datetime) -> float:
    """Return the moment at which the wall clock jumps over this time."""
    late, early = wall.replace(fold=0).timestamp(), wall.replace(fold=1).timestamp()
    before = datetime.fromtimestamp(early, wall.tzinfo).utcoffset()
    low, high = int(early), int(late)  # the change is after low, and not after high
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, wall.tzinfo).utcoffset() == before:
            low = middle
        else:
            high = middle
    return float(high)


def _from(start: float | None) -> str:
    return "" if start is None else f" from {datetime.fromtimestamp(start, UTC).isoformat()}"
