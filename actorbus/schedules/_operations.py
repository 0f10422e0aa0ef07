"""Schedules as an operator sees them: list, tick now, pause, resume, delete."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import msgspec

from actorbus._calls import Answer
from actorbus._errors import ActorBusError
from actorbus._store import ProcessRow, ScheduleRow, Store
from actorbus.messages._types import did_you_mean
from actorbus.operations._recovery import CallTrio
from actorbus.schedules._due import planned
from actorbus.schedules._schedule import Schedule
from actorbus.schedules._scheduler import Ticks, drawing
from actorbus.sending._publish import Press

if TYPE_CHECKING:
    from actorbus.configuration._configuration import Configuration

ScheduleStatus = Literal["active", "paused", "not planned", "changed", "removed"]


class ScheduleNotFound(ActorBusError):
    """No schedule has this name; for `delete` and `pause`: none is stored under it."""


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule as `bus.schedules.list()` tells of it.

    `status` is "active" or "paused"; "not planned" until a process that consumes its channel runs;
    "changed" if the stored plan is that of another version of the program, which is kept to until
    a process with this one starts; "removed" if this program does not declare it. `next_at` and
    `last_at` are planned times, in the schedule's time zone. `taken_by` names the live processes
    (host and pid) that consume its channel: one of them sends the next tick.
    """

    name: str
    status: ScheduleStatus
    when: str
    zone: str
    channel: str
    missed: str | None
    next_at: datetime | None
    last_at: datetime | None
    last_fired_by: str | None
    ticks: int
    taken_by: tuple[str, ...]
    where: str


class Schedules:
    """The schedules of a running bus, as `bus.schedules`; await what its methods return.

    On a plain thread their `.get()` gives the result. All of them raise the store's errors.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        call: CallTrio,
        configuration: "Callable[[], Configuration]",
        wake: Callable[[], None],
        seed: int | None,
    ) -> None:
        self._store = store
        self._call = call
        self._configuration = configuration
        self._wake = wake
        self._draw = drawing(seed)

    def list(self) -> Answer[list[ScheduleState]]:
        """Return all schedules: those declared, in declared order, then those that were once."""
        return self._call(self._list)

    def run(self, name: str) -> Answer[str]:
        """Send a tick now, beside the planned ones; return its message id.

        Raises ScheduleNotFound. It ticks also while it is paused.
        """
        return self._call(self._run, name)

    def pause(self, name: str) -> Answer[None]:
        """Let it not tick, in all processes, until it is resumed. Raises ScheduleNotFound."""
        return self._call(self._pause, name)

    def resume(self, name: str) -> Answer[None]:
        """Let it tick again, from now on: what it would have sent is not missed.

        Raises ScheduleNotFound.
        """
        return self._call(self._resume, name)

    def delete(self, name: str) -> Answer[None]:
        """Forget what is stored of it. One that is declared is planned anew by the next process.

        Raises ScheduleNotFound.
        """
        return self._call(self._delete, name)

    # -- inside -----------------------------------------------------------------------------

    async def _list(self) -> Sequence[ScheduleState]:
        store = self._store()
        rows = {row.name: row for row in await store.schedules()}
        processes = await store.processes()
        declared = self._configuration().schedules
        states = [_state(one, rows.pop(one.name, None), processes) for one in declared]
        return states + [_removed(row) for row in rows.values()]

    async def _run(self, name: str) -> str:
        schedule = self._declared(name)
        store, configuration = self._store(), self._configuration()
        ticks = Ticks(Press(configuration, store.now), configuration.handlers)
        while True:
            row = await self._row(name)
            now = store.now()
            base = planned(schedule, now, self._draw, None) if row is None else row
            copy = ticks.by_hand(schedule, now, base.ticks + 1)
            version = 1 if row is None else base.version + 1
            after = msgspec.structs.replace(base, ticks=base.ticks + 1, version=version)
            if await store.write_schedule(after, [copy]):
                return copy.message_id

    async def _pause(self, name: str) -> None:
        await self._change(name, lambda row: msgspec.structs.replace(row, paused=True))

    async def _resume(self, name: str) -> None:
        schedule = self._declared(name)

        def resumed(row: ScheduleRow) -> ScheduleRow:
            after = planned(schedule, self._store().now(), self._draw, row)
            return msgspec.structs.replace(after, paused=False, version=row.version)

        await self._change(name, resumed)

    async def _delete(self, name: str) -> None:
        if not await self._store().delete_schedule(name):
            raise await self._not_stored(name)
        self._wake()

    async def _change(self, name: str, change: Callable[[ScheduleRow], ScheduleRow]) -> None:
        while True:
            row = await self._row(name)
            if row is None:
                raise await self._not_stored(name)
            after = msgspec.structs.replace(change(row), version=row.version + 1)
            if await self._store().write_schedule(after):
                self._wake()
                return

    async def _row(self, name: str) -> ScheduleRow | None:
        rows = await self._store().schedules()
        return next((row for row in rows if row.name == name), None)

    async def _not_stored(self, name: str) -> ScheduleNotFound:
        known = [row.name for row in await self._store().schedules()]
        return ScheduleNotFound(f"no schedule {name!r} is stored{did_you_mean(name, known)}")

    def _declared(self, name: str) -> Schedule:
        declared = self._configuration().schedules
        for schedule in declared:
            if schedule.name == name:
                return schedule
        known = [schedule.name for schedule in declared]
        raise ScheduleNotFound(f"no schedule {name!r} is declared{did_you_mean(name, known)}")


def _state(
    schedule: Schedule, row: ScheduleRow | None, processes: Sequence[ProcessRow]
) -> ScheduleState:
    changed = row is not None and row.definition != schedule.timetable.definition
    status: ScheduleStatus = "not planned"
    if row is not None:
        status = "paused" if row.paused else "changed" if changed else "active"
    return ScheduleState(
        name=schedule.name,
        status=status,
        when=schedule.timetable.definition,
        zone=schedule.zone,
        channel=schedule.channel,
        missed=schedule.missed,
        next_at=_at(row.next_at, schedule.zone) if row and status == "active" else None,
        last_at=_at(row.last_at, schedule.zone) if row else None,
        last_fired_by=row.last_fired_by if row else None,
        ticks=row.ticks if row else 0,
        taken_by=tuple(_takers(schedule, processes)),
        where=schedule.where,
    )


def _removed(row: ScheduleRow) -> ScheduleState:
    return ScheduleState(
        name=row.name,
        status="removed",
        when=row.definition,
        zone="UTC",
        channel=row.channel,
        missed=None,
        next_at=None,
        last_at=_at(row.last_at, "UTC"),
        last_fired_by=row.last_fired_by,
        ticks=row.ticks,
        taken_by=(),
        where="",
    )


def _takers(schedule: Schedule, processes: Sequence[ProcessRow]) -> list[str]:
    """Return the live processes that say that they take the schedule's ticks."""
    takers: list[str] = []
    for process in processes:
        consumed: Mapping[str, Sequence[str]]
        consumed = json.loads(process.snapshot or "{}").get("consumes", {})
        endpoints = [name for target in schedule.targets for name in consumed.get(target, ())]
        if process.alive and schedule.name in endpoints:
            takers.append(f"{process.host} {process.pid}")
    return takers


def _at(time: float | None, zone: str) -> datetime | None:
    return None if time is None else datetime.fromtimestamp(time, ZoneInfo(zone))
