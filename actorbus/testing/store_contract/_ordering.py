"""Ordering keys: of a key's messages one at a time is ready, in the order of their sending."""

from actorbus._settlement import (
    ACK,
    EXPIRE,
    RELEASE,
    DeadLetter,
    DeadLetterReason,
    Divert,
    Forget,
    Park,
    Retry,
    SendBack,
)
from actorbus._store import DeadLetterFilter, Demand, Outgoing, ParkedFilter, Store
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import CHANNEL, demand, failure, names, outgoing
from actorbus.testing.store_contract._steps import OpenStore, claim_one, commit

PARKS = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure(), parks_key=True)
DIES = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())
EVERYTHING = DeadLetterFilter()


def keyed(*letters: str, key: str = "acme", **changes: object) -> list[Outgoing]:
    """Return messages of one key."""
    return [outgoing(name, ordering_key=key, **changes) for name in letters]


async def in_turn(store: Store) -> list[str]:
    """Claim what is ready, handle it, and return its names."""
    claimed = await store.claim([demand()])
    await store.settle([(one, ACK) for one in claimed])
    return names(claimed)


async def drained(store: Store) -> list[list[str]]:
    """Return what is claimed, claim by claim, until nothing is."""
    found: list[list[str]] = []
    while some := await in_turn(store):
        found.append(some)
    return found


class OrderingContract:
    """See `actorbus._store.Outgoing.ordering_key`."""

    async def test_one_message_of_a_key_at_a_time(self, open_store: OpenStore) -> None:
        """Keys are claimed side by side, the messages of each one after the other."""
        async with open_store() as store:
            await store.append([*keyed("a1", "a2", key="a"), *keyed("b1", key="b")])
            await store.append([outgoing("free"), *keyed("a3", key="a"), *keyed("b2", key="b")])
            claims = await drained(store)

        assert claims == [["a1", "b1", "free"], ["a2", "b2"], ["a3"]]

    async def test_nothing_of_a_key_is_claimed_twice(self, open_store: OpenStore) -> None:
        """While one is claimed the key's others are held, and counted so."""
        async with open_store() as store:
            await store.append(keyed("1", "2", "3"))
            first = await store.claim([demand()])
            second = await store.claim([demand()])
            (queue,) = await store.statistics()

        assert (names(first), second) == (["1"], [])
        assert (queue.claimed, queue.held, queue.ready, queue.parked) == (1, 2, 0, 0)

    async def test_lines_are_an_endpoints_and_a_tenants_own(self, open_store: OpenStore) -> None:
        """Two endpoints, or two tenants, do not wait for each other's message of one key."""
        async with open_store() as store:
            await store.append(keyed("bill"))
            await store.append(keyed("ship", endpoint="shop.handlers.ship"))
            await store.append(keyed("other", tenant="other"))
            claimed = await store.claim(
                [demand(10, "", "shop.handlers.ship"), demand(), demand(10, "other")]
            )

        assert names(claimed) == ["ship", "bill", "other"]

    async def test_the_next_is_ready_with_the_commit(self, open_store: OpenStore) -> None:
        """Listeners hear of it, also when the settlement was part of a transaction."""
        heard: list[frozenset[str]] = []
        async with open_store() as store:
            await store.append(keyed("1", "2", "3"))
            store.on_ready(heard.append)
            await in_turn(store)
            second = await claim_one(store)
            turn = await store.acquire("test")
            await turn.settle(second, ACK)
            await commit(turn)
            third = await claim_one(store)

        assert (second.message_id, third.message_id) == ("2", "3")
        assert len(heard) >= 2

    async def test_a_retry_keeps_the_key(self, open_store: OpenStore, clock: ManualClock) -> None:
        """Later messages wait until it is due and handled."""
        async with open_store() as store:
            await store.append(keyed("1", "2"))
            await store.settle([(await claim_one(store), Retry(5.0, failure()))])
            assert await store.claim([demand()]) == []
            clock.advance(5.0)
            await store.poll()
            claims = await drained(store)

        assert claims == [["1"], ["2"]]

    async def test_a_retry_can_give_up_its_turn(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Others go on; once due it is before those that were sent after it."""
        async with open_store() as store:
            await store.append(keyed("1", "2", "3"))
            retry = Retry(5.0, failure(), gives_up_turn=True)
            await store.settle([(await claim_one(store), retry)])
            second = await claim_one(store)
            clock.advance(5.0)
            await store.poll()
            assert await store.claim([demand()]) == []  # the second still runs
            await store.settle([(second, ACK)])
            claims = await drained(store)

        assert (second.message_id, claims) == ("2", [["1"], ["3"]])

    async def test_a_dead_letter_lets_the_next_go_on(self, open_store: OpenStore) -> None:
        """Replayed, it lines up behind the others."""
        async with open_store() as store:
            await store.append(keyed("1", "2", "3"))
            await store.settle([(await claim_one(store), DIES)])
            assert await store.replay(EVERYTHING) == 1
            claims = await drained(store)

        assert claims == [["2"], ["3"], ["1"]]

    async def test_a_dead_letter_can_park_its_key(self, open_store: OpenStore) -> None:
        """Until it is replayed: then it goes first. What is sent meanwhile is held too."""
        async with open_store() as store:
            await store.append(keyed("1", "2"))
            await store.settle([(await claim_one(store), PARKS)])
            await store.append([*keyed("3"), *keyed("b", key="other")])
            meanwhile = await drained(store)
            (queue,) = await store.statistics()
            await store.replay(EVERYTHING)
            claims = await drained(store)

        assert (meanwhile, queue.parked, queue.held, queue.dead) == ([["b"]], 2, 0, 1)
        assert claims == [["1"], ["2"], ["3"]]

    async def test_a_deleted_dead_letter_unparks_its_key(self, open_store: OpenStore) -> None:
        """Listeners hear of its channel."""
        heard: list[frozenset[str]] = []
        async with open_store() as store:
            await store.append(keyed("1", "2"))
            await store.settle([(await claim_one(store), PARKS)])
            store.on_ready(heard.append)
            await store.delete_dead_letters(EVERYTHING)
            told = len(heard)
            claims = await drained(store)

        assert (told, claims) == (1, [["2"]])

    async def test_the_last_of_a_key_may_park_it(self, open_store: OpenStore) -> None:
        """With nobody behind it, what is sent later is held; a deletion frees the key."""
        async with open_store() as store:
            await store.append(keyed("1"))
            await store.settle([(await claim_one(store), PARKS)])
            await store.append(keyed("2"))
            assert await store.claim([demand()]) == []
            await store.delete_dead_letters(EVERYTHING)
            claims = await drained(store)
            await store.append(keyed("3"))
            claims += await drained(store)

        assert claims == [["2"], ["3"]]

    async def test_what_is_released_keeps_its_turn(self, open_store: OpenStore) -> None:
        """It is next again."""
        async with open_store() as store:
            await store.append(keyed("1", "2"))
            await store.settle([(await claim_one(store), RELEASE)])
            claims = await drained(store)

        assert claims == [["1"], ["2"]]

    async def test_delayed_messages_line_up_when_due(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """They keep nobody waiting before; among what is due, what was sent first goes first."""
        async with open_store() as store:
            await store.append([*keyed("late", delay=5.0), *keyed("1")])
            first = await in_turn(store)
            await store.append(keyed("2", "3"))
            second = await claim_one(store)
            clock.advance(5.0)
            await store.poll()
            await store.settle([(second, ACK)])
            claims = await drained(store)

        assert (first, second.message_id, claims) == (["1"], "2", [["late"], ["3"]])

    async def test_equal_delays_keep_their_order(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Those that come due together go in the order of their sending."""
        async with open_store() as store:
            await store.append(keyed("1", "2", "3", delay=5.0))
            clock.advance(5.0)
            await store.poll()
            claims = await drained(store)

        assert claims == [["1"], ["2"], ["3"]]

    async def test_what_expires_passes_its_turn_on(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """In a poll or in the hands of a process, in turn or held."""
        async with open_store() as store:
            await store.append(keyed("1", "2", time_to_live=5.0))
            await store.append(keyed("3", "4"))
            clock.advance(5.0)
            poll = await store.poll()
            await store.settle([(await claim_one(store), EXPIRE)])
            claims = await drained(store)

        assert (poll.expired, claims) == (2, [["4"]])

    async def test_what_is_parked_passes_its_turn_on(self, open_store: OpenStore) -> None:
        """Let go on, it lines up before those that were sent after it."""
        async with open_store() as store:
            await store.append(keyed("1", "2", "3"))
            await store.settle([(await claim_one(store), Park("no such tenant"))])
            second = await claim_one(store)
            await store.unpark(ParkedFilter())
            assert await store.claim([demand()]) == []
            await store.settle([(second, ACK)])
            claims = await drained(store)

        assert (second.message_id, claims) == ("2", [["1"], ["3"]])

    async def test_a_key_goes_on_while_an_error_channel_has_its_message(
        self, open_store: OpenStore
    ) -> None:
        """There it is in line with others of its key; sent back, it lines up where it was."""
        async with open_store() as store:
            await store.append(keyed("1", "2", "3"))
            await store.settle([(await claim_one(store), self.divert())])
            second = await claim_one(store)
            await store.settle([(second, self.divert())])
            (first,) = await store.claim([self.errors()])
            assert await store.claim([self.errors()]) == []
            await store.settle([(first, SendBack(CHANNEL))])
            (other,) = await store.claim([self.errors()])
            await store.settle([(other, Forget())])
            claims = await drained(store)

        assert [first.message_id, other.message_id, claims] == ["1", "2", [["3"], ["1"]]]

    async def test_a_key_can_wait_for_its_error_handler(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Sent back, the message goes first; forgotten or deleted, the next one goes on."""
        async with open_store() as store:
            await store.append(keyed("1", "2", "3"))
            await store.settle([(await claim_one(store), self.divert(parks_key=True))])
            assert await store.claim([demand()]) == []
            (first,) = await store.claim([self.errors()])
            await store.settle([(first, SendBack(CHANNEL, 5.0))])
            assert await store.claim([demand()]) == []
            clock.advance(5.0)
            await store.poll()
            again = await claim_one(store)
            await store.settle([(again, self.divert(parks_key=True))])
            (first,) = await store.claim([self.errors()])
            await store.settle([(first, Forget())])
            claims = await drained(store)

        assert [again.message_id, claims] == ["1", [["2"], ["3"]]]

    def errors(self) -> Demand:
        """Return a demand for what failed."""
        return Demand("errors", ("shop.handlers.mend",), "", 10)

    def divert(self, *, parks_key: bool = False) -> Divert:
        """Return the settlement of what an error channel gets."""
        reason = DeadLetterReason.ATTEMPTS_EXHAUSTED
        return Divert("errors", "shop.handlers.mend", reason, failure(), parks_key=parks_key)

    async def test_a_stale_settlement_passes_nothing_on(self, open_store: OpenStore) -> None:
        """The message that was taken back is still in turn."""
        async with open_store() as store:
            await store.append(keyed("1", "2"))
            first = await claim_one(store)
            await store.settle([(first, RELEASE)])
            assert await store.settle([(first, ACK)]) == 1
            claims = await drained(store)

        assert claims == [["1"], ["2"]]
