"""Messages that come from a broker: the inbox, and what of them the store takes over."""

from typing import Any

import pytest
import trio

from actorbus._settlement import ACK, EXPIRE, RELEASE, Park, Retry
from actorbus._store import Claimed, DeadLetterFilter, StaleClaim, Store
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import (
    CHANNEL,
    ENDPOINT,
    demand,
    failure,
    from_broker,
    names,
    outgoing,
)
from actorbus.testing.store_contract._steps import (
    EXHAUSTED,
    OpenStore,
    claim_one,
    commit,
    effects,
    make_effects,
    write,
)

GROUP = "shop.orders"
PLACE = ("orders", 0)


async def receive(store: Store, *messages: Claimed, noting: tuple[str, ...] = ()) -> list[Claimed]:
    """Return those of the messages that are to be handled."""
    return (await store.receive(GROUP, messages, noting)).fresh


async def receive_one(store: Store, name: str, offset: int = 0, **changes: Any) -> Claimed:
    """Return a message that is to be handled."""
    (fresh,) = await receive(store, from_broker(name, offset, **changes))
    return fresh


class BrokerContract:
    """A broker's messages in one process."""

    async def test_a_message_that_was_handled_is_known_when_it_comes_again(
        self, open_store: OpenStore
    ) -> None:
        """Its row is written with its settlement; nothing else of it is stored."""
        async with open_store() as store:
            message = await receive_one(store, "a")
            assert await store.settle([(message, ACK)]) == 0
            again = await store.receive(GROUP, [from_broker("a", 7), from_broker("b", 8)])
            queues = await store.statistics()

        assert (names(again.handled), names(again.fresh), queues) == (["a"], ["b"], [])

    async def test_it_is_known_by_endpoint(self, open_store: OpenStore) -> None:
        """Of a message each endpoint has a record of its own."""
        async with open_store() as store:
            await store.settle([(await receive_one(store, "a"), ACK)])
            other = await receive(store, from_broker("a", 1, endpoint="other"))

        assert names(other) == ["a"]

    async def test_the_second_of_two_records_is_undone_with_its_effects(
        self, open_store: OpenStore
    ) -> None:
        """Whoever commits first has handled it; the other one's transaction rolls back."""
        async with open_store() as store:
            await make_effects(store)
            first = await receive_one(store, "a", 0)
            second = await receive_one(store, "a", 1)
            turn = await store.acquire("test")
            await write(turn, "first")
            await turn.settle(first, ACK)
            await commit(turn)
            turn = await store.acquire("test")
            await write(turn, "second")
            with pytest.raises(StaleClaim):
                await turn.settle(second, ACK)
                await commit(turn)
            await turn.rollback()
            assert await effects(store) == ["first"]
            assert await store.settle([(second, ACK), (second, EXHAUSTED)]) == 2
            assert await store.count_dead_letters(DeadLetterFilter()) == 0

    async def test_effects_and_the_row_in_the_inbox_are_one_transaction(
        self, open_store: OpenStore
    ) -> None:
        """Undone together: the message is to be handled again."""
        async with open_store() as store:
            message = await receive_one(store, "a")
            turn = await store.acquire("test")
            await turn.settle(message, ACK)
            await turn.rollback()
            again = await receive(store, from_broker("a"))

        assert names(again) == ["a"]

    async def test_what_is_noted_before_its_handler_begins_is_settled_with_it(
        self, open_store: OpenStore
    ) -> None:
        """One transaction: undone, it is to be handled; committed, the next one is not begun."""
        async with open_store() as store:
            first, second = await receive_one(store, "a", 0), await receive_one(store, "a", 1)
            turn = await store.acquire("test")
            assert await turn.note(first)
            await turn.rollback()
            turn = await store.acquire("test")
            assert await turn.note(first)
            await turn.settle(first, ACK)
            await commit(turn)
            turn = await store.acquire("test")
            assert not await turn.note(second)
            await turn.rollback()

    async def test_a_batch_is_acknowledged_or_undone_as_a_whole(
        self, open_store: OpenStore
    ) -> None:
        """One of it that was handled already makes all of it stale."""
        async with open_store() as store:
            a, b = await receive(store, from_broker("a", 0), from_broker("b", 1))
            await store.append([outgoing("row")])
            row = await claim_one(store)
            turn = await store.acquire("test")
            await turn.acknowledge([a, row])
            await commit(turn)
            turn = await store.acquire("test")
            with pytest.raises(StaleClaim):
                await turn.acknowledge([b, a])
                await commit(turn)
            await turn.rollback()
            known = await store.receive(GROUP, [from_broker("a", 5), from_broker("b", 6)])

        assert (names(known.handled), names(known.fresh)) == (["a"], ["b"])

    async def test_a_retry_lies_in_the_store_from_then_on(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """With its attempt and its history; the broker's record is dealt with."""
        async with open_store() as store:
            message = await receive_one(store, "a", headers='{"x": "y"}', causation_id="c")
            await store.settle([(message, Retry(30.0, failure()))])
            assert names((await store.receive(GROUP, [from_broker("a", 9)])).handled) == ["a"]
            assert await store.claim([demand()]) == []
            clock.advance(30.0)
            await store.poll()
            row = await claim_one(store)
            await store.settle([(row, EXHAUSTED)])
            letter = await store.dead_letter("copy-a")

        assert (row.origin, row.attempts, row.body) == (None, 1, b"a")
        assert (row.headers, row.causation_id) == ('{"x": "y"}', "c")
        assert len(letter.failures) == 2

    async def test_a_dead_letter_is_the_stores_and_is_replayed_from_it(
        self, open_store: OpenStore
    ) -> None:
        """The inbox knows the broker's record, the replay is a message of its own."""
        async with open_store() as store:
            await store.settle([(await receive_one(store, "a"), EXHAUSTED)])
            assert await store.replay(DeadLetterFilter(endpoint=ENDPOINT)) == 1
            row = await claim_one(store)
            await store.settle([(row, ACK)])
            left = await store.statistics()

        assert (row.replays, left) == (1, [])

    async def test_a_release_writes_nothing(self, open_store: OpenStore) -> None:
        """The record is where it was, on the broker."""
        async with open_store() as store:
            message = await receive_one(store, "a")
            assert await store.settle([(message, RELEASE)]) == 0
            again = await receive(store, from_broker("a"))
            left = await store.statistics()

        assert (names(again), left) == (["a"], [])

    async def test_what_expires_is_counted_and_what_is_parked_is_kept(
        self, open_store: OpenStore
    ) -> None:
        """As for messages of the store's own."""
        async with open_store() as store:
            a, b = await receive(store, from_broker("a", 0), from_broker("b", 1))
            await store.settle([(a, EXPIRE), (b, Park("later"))])
            (queue,) = await store.statistics()

        assert (queue.expired, queue.parked, queue.ready) == (1, 1, 0)

    async def test_settle_soon_tells_of_a_record_that_was_handled(
        self, open_store: OpenStore
    ) -> None:
        """The second one is too late."""
        told: list[object] = []
        done = trio.Event()

        def lost(error: object) -> None:
            told.append(type(error))
            done.set()

        async with open_store() as store:
            first, second = await receive_one(store, "a", 0), await receive_one(store, "a", 1)
            store.settle_soon(first, ACK, lambda: told.append("committed"), lost)
            store.settle_soon(second, ACK, lambda: told.append("twice"), lost)
            with trio.fail_after(10):
                await done.wait()

        assert told == ["committed", StaleClaim]

    async def test_what_is_adopted_is_ready_for_whoever_claims_it(
        self, open_store: OpenStore
    ) -> None:
        """Once; what was handled already is left out."""
        async with open_store() as store:
            await store.settle([(await receive_one(store, "b", 1), ACK)])
            batch = [from_broker("a", 0), from_broker("b", 1), from_broker("c", 2)]
            assert [await store.adopt(batch) for _ in range(2)] == [2, 0]
            claimed = await store.claim([demand()])

        assert names(claimed) == ["a", "c"]

    async def test_adopted_suspects_come_one_at_a_time(self, open_store: OpenStore) -> None:
        """The starts that nobody counted, before they were adopted, are not counted."""
        async with open_store() as store:
            await store.adopt([from_broker(name, suspect=True) for name in "ab"])
            (first,) = await store.claim([demand()])
            assert await store.claim([demand()]) == []
            await store.settle([(first, ACK)])
            (second,) = await store.claim([demand()])

        assert [names([one]) for one in (first, second)] == [["a"], ["b"]]
        assert [(one.suspect, one.attempts) for one in (first, second)] == [(True, 0), (True, 0)]

    async def test_who_has_an_adopted_message_in_hand_is_too_late(
        self, open_store: OpenStore
    ) -> None:
        """It is handled from the store."""
        async with open_store() as store:
            message = await receive_one(store, "a")
            assert await store.adopt([from_broker("a", suspect=True)]) == 1
            assert await store.settle([(message, ACK)]) == 1
            claimed = await store.claim([demand()])

        assert names(claimed) == ["a"]

    async def test_messages_of_a_key_lie_behind_those_that_are_in_the_store(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """So that their order is kept; others go on."""
        async with open_store() as store:
            first = await receive_one(store, "a", 0, ordering_key="acme")
            await store.settle([(first, Retry(30.0, failure()))])
            batch = [
                from_broker("b", 1, ordering_key="acme"),
                from_broker("c", 2, ordering_key="other"),
                from_broker("d", 3, ordering_key="acme", endpoint="elsewhere"),
            ]
            received = await store.receive(GROUP, batch)
            await store.adopt(received.stored)
            assert await store.claim([demand()]) == []
            clock.advance(30.0)
            await store.poll()
            a = await claim_one(store)
            await store.settle([(a, ACK)])
            b = await claim_one(store)
            await store.settle([(b, ACK)])
            free = await receive(store, from_broker("e", 4, ordering_key="acme"))

        assert (names(received.stored), names(received.fresh)) == (["b"], ["c", "d"])
        assert names([a, b, *free]) == ["a", "b", "e"]

    async def test_a_retry_that_gave_up_its_turn_keeps_its_key_in_the_store(
        self, open_store: OpenStore
    ) -> None:
        """A message of the key that came later would run beside it otherwise."""
        async with open_store() as store:
            first = await receive_one(store, "a", 0, ordering_key="acme")
            await store.settle([(first, Retry(30.0, failure(), gives_up_turn=True))])
            received = await store.receive(GROUP, [from_broker("b", 1, ordering_key="acme")])
            await store.adopt(received.stored)
            claimed = await store.claim([demand()])

        assert (names(received.stored), names(claimed)) == (["b"], ["b"])

    async def test_adopted_messages_of_a_key_come_in_their_order(
        self, open_store: OpenStore
    ) -> None:
        """One at a time."""
        async with open_store() as store:
            await store.adopt([from_broker(name, ordering_key="acme") for name in "abc"])
            order = []
            for _ in range(3):
                claimed = await store.claim([demand()])
                order.append(names(claimed))
                await store.settle([(one, ACK) for one in claimed])

        assert order == [["a"], ["b"], ["c"]]

    async def test_how_far_a_process_came_is_its_own_until_it_dies(
        self, open_store: OpenStore
    ) -> None:
        """Nothing of its own is suspect to it, also not what it noted for other groups."""
        async with open_store() as store:
            await receive(store, from_broker("a", 4), from_broker("b", 5))
            assert await store.begun(GROUP) == {}


class SharedBrokerContract:
    """A broker's messages in several processes."""

    async def test_how_far_another_process_came_is_known_until_it_hands_over(
        self, open_store: OpenStore
    ) -> None:
        """By partition: the offset after the last one that may have been begun."""
        async with open_store("first") as first, open_store("second") as second:
            await receive(first, from_broker("a", 4), from_broker("b", 7, 1), from_broker("c", 5))
            begun = await second.begun(GROUP)
            others = await second.begun("another group")
            await second.hand_over(GROUP, [PLACE])
            await first.hand_over(GROUP, [PLACE])
            left = await second.begun(GROUP)

        assert begun == {PLACE: 6, ("orders", 1): 8}
        assert (others, left) == ({}, {("orders", 1): 8})

    async def test_a_partition_belongs_to_who_received_from_it_last(
        self, open_store: OpenStore
    ) -> None:
        """What the one before noted is not asked for any more."""
        async with open_store("first") as first, open_store("second") as second:
            await receive(first, from_broker("a", 4))
            await receive(second, from_broker("b", 5))
            assert (await first.begun(GROUP), await second.begun(GROUP)) == ({PLACE: 6}, {})

    async def test_a_message_that_another_process_handles_is_left_alone(
        self, open_store: OpenStore
    ) -> None:
        """If its endpoint is one of those that are noted; until it is done."""
        async with open_store("first") as first, open_store("second") as second:
            (mine,) = await receive(first, from_broker("a", 0), noting=(ENDPOINT,))
            busy = await second.receive(GROUP, [from_broker("a", 1)], (ENDPOINT,))
            await first.settle([(mine, ACK)])
            done = await second.receive(GROUP, [from_broker("a", 1)], (ENDPOINT,))

        assert (names(busy.busy), names(done.handled)) == (["a"], ["a"])

    async def test_what_a_process_was_handling_when_it_ended_is_handled_again(
        self, open_store: OpenStore
    ) -> None:
        """Its row in the inbox is taken over, whoever handles the message."""
        async with open_store("first") as first:
            await receive(first, from_broker("a", 0), from_broker("b", 1), noting=(ENDPOINT,))
        async with open_store("second") as second:
            noted = await receive(second, from_broker("a", 0), noting=(ENDPOINT,))
            plain = await receive(second, from_broker("b", 1))
            assert await second.settle([(one, ACK) for one in noted + plain]) == 0
            again = await second.receive(GROUP, [from_broker("a", 0), from_broker("b", 1)])

        assert names(again.handled) == ["a", "b"]

    async def test_after_a_crash_it_is_taken_over_once_the_lease_is_over(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """The settlement of the process that was thought dead is too late."""
        async with open_store("first", lease=5.0) as first, open_store("second") as second:
            (mine,) = await receive(first, from_broker("a", 0), noting=(ENDPOINT,))
            clock.advance(6.0)
            await second.renew()
            await second.take_back()
            (theirs,) = await receive(second, from_broker("a", 0), noting=(ENDPOINT,))
            assert await first.settle([(mine, ACK)]) == 1
            assert await second.settle([(theirs, ACK)]) == 0

    async def test_nothing_is_received_once_the_lease_was_lost(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Until it is renewed: what others think dead is not to begin anything."""
        async with open_store("first", lease=5.0) as first, open_store("second") as second:
            await first.append([outgoing("row")])
            await claim_one(first)
            clock.advance(6.0)
            await second.renew()
            await second.take_back()
            lost = await first.receive(GROUP, [from_broker("a", 0)])
            await first.renew()
            found = await first.receive(GROUP, [from_broker("a", 0)])

        assert (names(lost.busy), names(found.fresh)) == (["a"], ["a"])

    async def test_what_was_not_begun_when_a_partition_is_handed_over_is_the_others(
        self, open_store: OpenStore
    ) -> None:
        """What still runs is left alone until it is done, whatever its handler is."""
        async with open_store("first") as first, open_store("second") as second:
            messages = [from_broker("a", 0), from_broker("b", 1)]
            running, unstarted = await receive(first, *messages, noting=(ENDPOINT,))
            plain = await receive_one(first, "c", 2, endpoint="plain")
            await first.hand_over(GROUP, [PLACE], [unstarted], [running, plain])
            more = from_broker("c", 2, endpoint="plain")
            theirs = await second.receive(GROUP, [*messages, more], (ENDPOINT,))
            assert await first.settle([(running, ACK), (plain, ACK)]) == 0
            later = await second.receive(GROUP, [*messages, more], (ENDPOINT,))

        assert (names(theirs.busy), names(theirs.fresh)) == (["a", "c"], ["b"])
        assert (names(later.handled), names(later.fresh)) == (["a", "c"], ["b"])

    async def test_suspects_are_adopted_whoever_was_handling_them(
        self, open_store: OpenStore
    ) -> None:
        """A process that lost its partition without a word is too late with what it has."""
        async with open_store("first") as first, open_store("second") as second:
            (mine,) = await receive(first, from_broker("a", 0), noting=(ENDPOINT,))
            assert await second.adopt([from_broker("a", 0, suspect=True)]) == 1
            assert await first.settle([(mine, ACK)]) == 1
            (suspect,) = await second.claim([demand()])

        assert (suspect.suspect, suspect.channel) == (True, CHANNEL)
