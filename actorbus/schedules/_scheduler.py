"""Sends the ticks that are due. Each process that consumes a schedule's channel looks at it.

Of several that see one tick due, one sends it: the ticks are stored in the transaction that plans
the next one, and that is refused to whoever read an older plan. A process that is killed before
its commit has sent nothing, and another one does.

A process whose schedule ticks at other times than the stored plan says plans it anew when it
starts, and leaves it alone when it finds that later: then a newer program is being deployed.
"""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from zoneinfo import ZoneInfo

import msgspec
import trio

from actorbus._bus_events import TicksMissed
from actorbus._store import Outgoing, ScheduleRow, Store, StoreError
from actorbus.declaring._handlers import HandlerSpec
from actorbus.options._options import SendOptions
from actorbus.schedules._due import Draw, due, planned
from actorbus.schedules._schedule import Schedule
from actorbus.schedules._tick import Tick
from actorbus.sending._publish import Press
from actors.events import Event

LOOK_EVERY = 1.0
"""Seconds between two looks at a shared store: how late a changed clock or plan is noticed."""

LOOK_EVERY_ALONE = 60.0
"""The same for a store that no other process uses."""

_SOON = 0.001


def drawing(seed: int | None) -> Draw:
    """Return what the jitter is drawn from: with a seed, the same for the same tick each time."""

    def draw(schedule: Schedule, at: float) -> float:
        if not schedule.jitter:
            return 0.0
        if seed is None:
            return random.random()
        return random.Random(f"{seed}/{schedule.name}/{at}").random()

    return draw


class Ticks:
    """Makes the messages of ticks."""

    def __init__(self, press: Press, handlers: Sequence[HandlerSpec]) -> None:
        self._press = press
        self._specs: Mapping[str, HandlerSpec] = {spec.endpoint_id: spec for spec in handlers}

    def copies(
        self, schedule: Schedule, times: Sequence[float], number: int, left_out: int
    ) -> list[Outgoing]:
        """Return the messages of ticks, the first of them with this number.

        Their ids name schedule and time, so that no tick is handled twice, whatever happens.
        Raises what the channel's tenant rule raises.
        """
        copies: list[Outgoing] = []
        for place, time in enumerate(times):
            at = _at(schedule, time)
            tick = Tick(schedule.name, at, number + place, 0 if place else left_out)
            stamp = datetime.fromtimestamp(time, UTC).isoformat()
            copies.append(self._copy(schedule, tick, f"{schedule.name}@{stamp}"))
        return copies

    def by_hand(self, schedule: Schedule, now: float, number: int) -> Outgoing:
        """Return the message of a tick that somebody asked for."""
        tick = Tick(schedule.name, _at(schedule, now), number, by_hand=True)
        return self._copy(schedule, tick, None)

    def _copy(self, schedule: Schedule, tick: Tick, message_id: str | None) -> Outgoing:
        options = SendOptions(headers=schedule.headers)
        if message_id is not None:
            options["message_id"] = message_id
        prepared = self._press.prepare("event", tick, options, None)
        return self._press.copy(prepared, self._specs[schedule.name], schedule.channel)


class Scheduler:
    """What the scheduler's actor does again and again, for the schedules of one process."""

    def __init__(
        self,
        schedules: Sequence[Schedule],
        store: Store,
        ticks: Ticks,
        draw: Draw,
        publish: Callable[[Event], None],
        *,
        path: str,
        process: str,
    ) -> None:
        self._schedules = schedules
        self._store = store
        self._ticks = ticks
        self._draw = draw
        self._publish = publish
        self._path = path
        self._process = process
        self._seen: set[str] = set()
        self._caught_up: set[str] = set()
        self.consumed: Collection[str] = ()
        """The channels that are consumed now; set by the delivery."""

    @property
    def is_behind(self) -> bool:
        """Whether there may be ticks that were missed before their channel was consumed here."""
        return any(schedule.name not in self._caught_up for schedule in self._mine())

    def begin(self, channels: Iterable[str]) -> None:
        """Note that these channels are consumed from now on, maybe not for the first time."""
        names = set(channels)
        again = (one for one in self._schedules if not one.targets.isdisjoint(names))
        self._caught_up.difference_update(one.name for one in again)

    def _mine(self) -> Iterator[Schedule]:
        return (one for one in self._schedules if not one.targets.isdisjoint(self.consumed))

    async def __call__(self) -> float:
        """Send what is due; return in how many seconds something may be due again.

        Raises the store's errors, and what making a tick raised, after all others were sent.
        """
        rows = {row.name: row for row in await self._store.schedules()}
        nearest, failure = inf, None
        for schedule in tuple(self._mine()):
            try:
                nearest = min(nearest, await self._look_at(schedule, rows.get(schedule.name)))
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001  raised below: one must not stop the others
                failure = failure or error
            self._caught_up.add(schedule.name)
        if failure is not None:
            raise failure
        most = LOOK_EVERY if self._store.is_shared else LOOK_EVERY_ALONE
        return max(_SOON, min(nearest - self._store.now(), most))

    async def _look_at(self, schedule: Schedule, row: ScheduleRow | None) -> float:
        """Plan a schedule, or send its ticks, if need be; return when to look again."""
        now = self._store.now()
        changed = row is not None and row.definition != schedule.timetable.definition
        if row is None or (changed and schedule.name not in self._seen):
            row = planned(schedule, now, self._draw, row)
            if not await self._store.write_schedule(row):
                return now
            self._seen.add(schedule.name)
            return row.fires_at
        self._seen.add(schedule.name)
        if changed or row.paused:
            return inf
        return row.fires_at if row.fires_at > now else await self._fire(schedule, row, now)

    async def _fire(self, schedule: Schedule, row: ScheduleRow, now: float) -> float:
        firing = due(schedule, row, now, self._draw)
        copies = self._ticks.copies(schedule, firing.ticks, row.ticks + 1, firing.left_out)
        after = firing.row
        if firing.ticks:
            after = msgspec.structs.replace(after, last_fired_by=self._process)
        if not await self._store.write_schedule(after, copies):
            return now  # somebody else was first
        if firing.left_out:
            event = TicksMissed(
                self._path,
                trio.current_time(),
                schedule.name,
                firing.left_out,
                len(firing.ticks),
                schedule.missed,
            )
            self._publish(event)
        return after.fires_at


def _at(schedule: Schedule, time: float) -> datetime:
    return datetime.fromtimestamp(time, ZoneInfo(schedule.zone))
