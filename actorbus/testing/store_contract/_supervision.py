"""Supervision that was set while a bus runs: what is kept of it, and of its changes."""

from typing import Any

from msgspec.structs import replace

from actorbus._store import SupervisionChange, SupervisionRow
from actorbus.testing.store_contract._steps import OpenStore

NOTHING = "{}"


def setting(**changes: Any) -> SupervisionRow:
    """Return what was set first, with changes."""
    values: dict[str, Any] = {
        "endpoint": "shop.bill",
        "settings": '{"retry_attempts":9}',
        "changed_at": 1_700_000_000.0,
        "changed_by": "ann",
        "reason": "the bank is slow",
    }
    return SupervisionRow(**(values | changes))


def change(row: SupervisionRow, old: str) -> SupervisionChange:
    """Return what the history has of a row."""
    about = {"changed_at": row.changed_at, "changed_by": row.changed_by, "reason": row.reason}
    return SupervisionChange(
        endpoint=row.endpoint,
        version=row.version,
        old_settings=old,
        new_settings=row.settings,
        **about,  # type: ignore[arg-type]  # the last three fields
    )


FIRST = setting()
RESET = replace(FIRST, settings=NOTHING, changed_at=1_700_000_009.0, reason="", version=2)


class SupervisionContract:
    """What a store keeps of supervision that was set."""

    async def test_supervision_is_kept_as_it_was_set(self, open_store: OpenStore) -> None:
        """By endpoint; what was reset stays as a row that says nothing."""
        other = setting(endpoint="shop.answer")
        async with open_store() as store:
            assert await store.supervision() == []
            assert await store.write_supervision(FIRST, NOTHING)
            assert await store.write_supervision(other, NOTHING)
            assert await store.write_supervision(RESET, FIRST.settings)

            assert await store.supervision() == [other, RESET]

    async def test_each_change_of_supervision_is_in_its_history(
        self, open_store: OpenStore
    ) -> None:
        """The newest first, of one endpoint or of all."""
        other = setting(endpoint="shop.answer", changed_at=1_700_000_005.0)
        async with open_store() as store:
            await store.write_supervision(FIRST, NOTHING)
            await store.write_supervision(other, NOTHING)
            await store.write_supervision(RESET, FIRST.settings)
            first, last = change(FIRST, NOTHING), change(RESET, FIRST.settings)

            assert await store.supervision_changes("shop.bill") == [last, first]
            assert await store.supervision_changes() == [last, change(other, NOTHING), first]
            assert await store.supervision_changes(limit=1) == [last]

    async def test_of_two_that_set_supervision_at_once_one_is_told(
        self, open_store: OpenStore
    ) -> None:
        """Who comes second changes nothing, and is in no history."""
        async with open_store() as store:
            assert await store.write_supervision(FIRST, NOTHING)
            assert not await store.write_supervision(setting(reason="mine"), NOTHING)
            assert await store.write_supervision(RESET, FIRST.settings)
            assert not await store.write_supervision(replace(RESET, reason="mine"), NOTHING)

            assert await store.supervision() == [RESET]
            assert len(await store.supervision_changes()) == 2

    async def test_a_poll_says_how_often_supervision_was_changed(
        self, open_store: OpenStore
    ) -> None:
        """So that nobody reads what has not changed."""
        async with open_store() as store:
            assert (await store.poll()).supervised == 0
            await store.write_supervision(FIRST, NOTHING)
            assert (await store.poll()).supervised == 1
            await store.write_supervision(RESET, FIRST.settings)
            await store.write_supervision(setting(endpoint="shop.answer"), NOTHING)
            assert (await store.poll()).supervised == 3
