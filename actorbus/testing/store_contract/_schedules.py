"""Schedules: what is kept of them, and that of two processes one sends a tick."""

from typing import Any

import msgspec

from actorbus._store import ScheduleRow
from actorbus.testing._store_samples import demand, names, outgoing
from actorbus.testing.store_contract._steps import OpenStore


def planned(**changes: Any) -> ScheduleRow:
    """Return a schedule that was just planned, with changes."""
    values: dict[str, Any] = {
        "name": "reports",
        "definition": "every 60 s",
        "channel": "orders",
        "anchor": 1_700_000_000.0,
        "next_at": 1_700_000_060.0,
        "fires_at": 1_700_000_061.5,
    }
    return ScheduleRow(**(values | changes))


def after(row: ScheduleRow, **changes: Any) -> ScheduleRow:
    """Return the next version of a row."""
    return msgspec.structs.replace(row, version=row.version + 1, **changes)


class SchedulesContract:
    """What a store keeps of schedules."""

    async def test_a_schedule_is_kept_as_it_was_written(self, open_store: OpenStore) -> None:
        """All of it comes back, by name; the last write counts."""
        first = planned()
        last = after(
            first,
            ticks=3,
            last_at=1_700_000_060.0,
            last_fired_at=1_700_000_062.0,
            last_fired_by="here 1",
            paused=True,
        )
        async with open_store() as store:
            assert await store.schedules() == []
            assert await store.write_schedule(first)
            assert await store.write_schedule(planned(name="bills"))
            assert await store.write_schedule(last)

            assert await store.schedules() == [planned(name="bills"), last]

    async def test_a_tick_is_stored_with_the_plan_of_the_next(self, open_store: OpenStore) -> None:
        """It is ready at once."""
        async with open_store() as store:
            await store.write_schedule(planned())
            written = await store.write_schedule(after(planned(), ticks=1), [outgoing("tick")])

            assert written
            assert names(await store.claim([demand()])) == ["tick"]

    async def test_who_comes_second_stores_no_tick(self, open_store: OpenStore) -> None:
        """Two that read the same version: one of them is told that it was too late."""
        async with open_store() as store:
            await store.write_schedule(planned())
            tick = after(planned(), ticks=1)
            written = [await store.write_schedule(tick, [outgoing(name)]) for name in ("a", "b")]

            assert written == [True, False]
            assert names(await store.claim([demand()])) == ["a"]
            assert await store.schedules() == [tick]

    async def test_a_schedule_is_planned_for_the_first_time_once(
        self, open_store: OpenStore
    ) -> None:
        """A second first version is too late as well."""
        async with open_store() as store:
            assert await store.write_schedule(planned())
            assert not await store.write_schedule(planned(next_at=5.0))
            assert await store.schedules() == [planned()]

    async def test_a_deleted_schedule_is_gone(self, open_store: OpenStore) -> None:
        """And cannot be changed; it can be planned anew."""
        async with open_store() as store:
            await store.write_schedule(planned())

            assert await store.delete_schedule("reports")
            assert not await store.delete_schedule("reports")
            assert not await store.write_schedule(after(planned()))
            assert await store.schedules() == []
            assert await store.write_schedule(planned())
