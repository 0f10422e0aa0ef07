"""Messages that wait in an outbox: queued for the relay, and known by the endpoint behind it."""

from actorbus._settlement import EXPIRE, RELEASE, DeadLetter, DeadLetterReason
from actorbus._store import Claimed, DeadLetterFilter, Demand, Outgoing, Store
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import failure, names, outgoing
from actorbus.testing.store_contract._steps import OpenStore

RELAY = "broker:kafka"
EXHAUSTED = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())


def bound_for(endpoint: str, name: str, **changes: object) -> Outgoing:
    """Return a copy that waits to be relayed."""
    copy_id = f"{name} for {endpoint}"
    options = {"channel": "outbox", "endpoint": RELAY, "copy_id": copy_id, **changes}
    return outgoing(name, for_endpoint=endpoint, **options)


async def claim(store: Store, credit: int = 10) -> list[Claimed]:
    """Claim for the relay."""
    return await store.claim([Demand("outbox", (RELAY,), "", credit)])


class RelayingContract:
    """An outbox in the store."""

    async def test_a_relayed_copy_keeps_the_endpoint_that_it_is_for(
        self, open_store: OpenStore
    ) -> None:
        """Those of others have none."""
        async with open_store() as store:
            await store.append([bound_for("bill", "a"), bound_for("bill", "b", ordering_key="k")])
            await store.append([outgoing("c", channel="outbox", endpoint=RELAY)])
            claimed = await claim(store)

        assert [one.for_endpoint for one in claimed] == ["bill", "bill", None]
        assert {one.endpoint for one in claimed} == {RELAY}

    async def test_its_dead_letter_is_relayed_again_when_it_is_replayed(
        self, open_store: OpenStore
    ) -> None:
        """It is the relay's, and says what it was for."""
        async with open_store() as store:
            await store.append([bound_for("bill", "a")])
            await store.settle([(one, EXHAUSTED) for one in await claim(store)])
            (letter,) = await store.dead_letters(DeadLetterFilter(endpoint=RELAY))
            await store.replay(DeadLetterFilter(copy_ids=(letter.copy_id,)))
            (again,) = await claim(store)

        assert (letter.channel, letter.for_endpoint) == ("outbox", "bill")
        assert (again.channel, again.endpoint, again.for_endpoint) == ("outbox", RELAY, "bill")

    async def test_a_key_is_remembered_for_the_endpoint_behind_the_broker(
        self, open_store: OpenStore
    ) -> None:
        """Two endpoints each get a copy; a second one with its key is not stored."""
        async with open_store() as store:
            both = [bound_for(each, "a", deduplication_key="k") for each in ("bill", "ship")]

            assert await store.append(both) == 2
            assert await store.append([bound_for("bill", "b", deduplication_key="k")]) == 0

    async def test_copies_with_one_key_do_not_wait_for_each_other(
        self, open_store: OpenStore
    ) -> None:
        """They are for several endpoints, and handled by none of them here."""
        async with open_store() as store:
            both = [bound_for(each, "a", deduplication_key="k") for each in ("bill", "ship")]
            await store.append(both)
            first = await claim(store, 1)
            second = await claim(store)

        assert [one.for_endpoint for one in (*first, *second)] == ["bill", "ship"]
        assert not any(one.handled for one in (*first, *second))

    async def test_a_key_may_be_sent_again_if_its_message_was_not_relayed(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Whether it died, or expired in somebody's hands or in nobody's."""
        async with open_store() as store:
            for settlement in (EXHAUSTED, EXPIRE):
                await store.append([bound_for("bill", "a", deduplication_key="k")])
                await store.settle([(one, settlement) for one in await claim(store)])
            await store.append([bound_for("bill", "a", deduplication_key="k", time_to_live=1.0)])
            clock.advance(2.0)
            await store.poll()

            assert await store.append([bound_for("bill", "a", deduplication_key="k")]) == 1

    async def test_only_a_letter_for_the_same_endpoint_is_replaced(
        self, open_store: OpenStore
    ) -> None:
        """The relay has one for each endpoint behind it; a key has one of each at most."""
        async with open_store() as store:
            for name, endpoint in (("a", "bill"), ("a", "ship"), ("b", "bill")):
                await store.append([bound_for(endpoint, name, deduplication_key="k")])
                await store.settle([(one, EXHAUSTED) for one in await claim(store)])
            letters = await store.dead_letters(DeadLetterFilter())

        found = {(one.message_id, one.for_endpoint) for one in letters}
        assert found == {("a", "ship"), ("b", "bill")}

    async def test_an_ordering_key_lets_one_message_through_at_a_time(
        self, open_store: OpenStore
    ) -> None:
        """Also if they are for several endpoints."""
        async with open_store() as store:
            await store.append([bound_for(e, e, ordering_key="k") for e in ("bill", "ship")])

            assert names(await claim(store)) == ["bill"]
            assert names(await claim(store)) == []

    async def test_whoever_has_the_message_in_turn_has_its_followers(
        self, open_store: OpenStore
    ) -> None:
        """Of its own key, in order, as many as are asked for; they are settled with it."""
        async with open_store() as store:
            await store.append([bound_for("bill", name, ordering_key="k") for name in "abcde"])
            await store.append(
                [bound_for("bill", "x", ordering_key="other"), bound_for("bill", "y")]
            )
            claimed = await claim(store)
            found = await store.followers(claimed, 3)
            stale = await store.settle_runs(list(zip(claimed, found, strict=True)))
            left = await claim(store)
            (queue,) = await store.statistics()

        assert names(claimed) == ["a", "x", "y"]
        assert [names(each) for each in found] == [["b", "c", "d"], [], []]
        assert (stale, names(left)) == (0, ["e"])
        assert queue.claimed == 1
        assert not queue.held

    async def test_followers_stay_if_the_claim_does_not_hold(self, open_store: OpenStore) -> None:
        """They are others' then, with the message that they are held behind."""
        async with open_store() as store:
            await store.append([bound_for("bill", name, ordering_key="k") for name in "abc"])
            (before,) = await claim(store)
            (behind,) = await store.followers([before], 10)
            await store.settle([(before, RELEASE)])
            stale = await store.settle_runs([(before, behind)])
            (again,) = await claim(store)
            (found,) = await store.followers([again], 10)

        assert stale == 3
        assert names([again, *found]) == ["a", "b", "c"]

    async def test_followers_that_are_not_settled_are_in_turn_next(
        self, open_store: OpenStore
    ) -> None:
        """With their own attempts; nothing was counted."""
        async with open_store() as store:
            await store.append([bound_for("bill", name, ordering_key="k") for name in "abc"])
            (first,) = await claim(store)
            (behind,) = await store.followers([first], 10)
            await store.settle_runs([(first, behind[:1])])
            (second,) = await claim(store)

        assert (second.message_id, second.attempts) == ("c", 0)
