"""Pauses: rows that every process finds when it polls."""

from actorbus.consuming._pauses import Pause
from actorbus.testing._clock import ManualClock
from actorbus.testing.store_contract._steps import OpenStore


class PausingContract:
    """What is paused, until when, and who sees it."""

    async def test_nothing_is_paused_at_first(self, open_store: OpenStore) -> None:
        """A poll says so without a query of its own."""
        async with open_store() as store:
            assert (await store.poll()).pauses == ()
            assert await store.pauses() == []

    async def test_a_pause_holds_until_it_is_resumed(self, open_store: OpenStore) -> None:
        """A pause of a channel and one of an endpoint are two; each is resumed by its name."""
        async with open_store() as store:
            channel = Pause("orders", "", store.now(), None, "deploying")
            endpoint = Pause("orders", "bill", store.now(), None, "")
            await store.pause(endpoint)
            await store.pause(channel)
            assert await store.pauses() == [channel, endpoint]
            assert (await store.poll()).pauses == (channel, endpoint)

            assert await store.resume("orders")
            assert (await store.poll()).pauses == (endpoint,)
            assert not await store.resume("orders")
            assert await store.resume("orders", "bill")
            assert (await store.poll()).pauses == ()

    async def test_a_pause_ends_at_its_time(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """By itself: to resume it then finds nothing."""
        async with open_store() as store:
            await store.pause(Pause("orders", "", store.now(), store.now() + 600, ""))
            clock.advance(599)
            assert len((await store.poll()).pauses) == 1
            clock.advance(1)
            assert (await store.poll()).pauses == ()
            assert await store.pauses() == []
            assert not await store.resume("orders")

    async def test_a_pause_takes_the_place_of_the_one_before(self, open_store: OpenStore) -> None:
        """The latest says until when, and why."""
        async with open_store() as store:
            await store.pause(Pause("orders", "", store.now(), store.now() + 600, "for a while"))
            last = Pause("orders", "", store.now(), None, "for good")
            await store.pause(last)
            assert await store.pauses() == [last]
