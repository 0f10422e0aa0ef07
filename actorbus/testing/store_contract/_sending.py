"""Sending and claiming: what arrives, in which order, when."""

from actorbus._settlement import ACK, EXPIRE, RELEASE, DeadLetter, DeadLetterReason, Retry
from actorbus._store import DeadLetterFilter, Poll, Remembered
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import (
    CHANNEL,
    ENDPOINT,
    demand,
    failure,
    names,
    outgoing,
)
from actorbus.testing.store_contract._steps import (
    OpenStore,
    claim_one,
    commit,
)

KEPT = (
    "copy_id",
    "channel",
    "endpoint",
    "tenant",
    "message_id",
    "type_name",
    "content_type",
    "headers",
    "body",
    "correlation_id",
    "causation_id",
    "timestamp",
    "priority",
    "deduplication_key",
)


class SendingContract:
    """Copies that are stored, and claimed in their turn."""

    async def test_a_claimed_message_is_what_was_sent(self, open_store: OpenStore) -> None:
        """Every field of a copy arrives, with its place in the store."""
        sent = outgoing(
            "m",
            tenant="acme",
            headers='{"a": "b"}',
            body=b"\x00\xff",
            causation_id="cause",
            priority=3,
            deduplication_key="key",
        )
        async with open_store() as store:
            await store.append([sent])
            (claimed,) = await store.claim([demand(1, "acme")])

        arrived = {name: getattr(claimed, name) for name in sent.__struct_fields__ if name in KEPT}
        assert {name: getattr(sent, name) for name in KEPT} == arrived
        assert (claimed.attempts, claimed.replays, claimed.suspect) == (0, 0, False)
        assert claimed.expires_at is None

    async def test_copies_with_and_without_options_keep_the_order_of_sending(
        self, open_store: OpenStore
    ) -> None:
        """What is stored in one go is claimed in its order, whatever some of it says."""
        sent = [
            outgoing("a"),
            outgoing("b", deduplication_key="key"),
            outgoing("c", causation_id="cause"),
            outgoing("d", time_to_live=60.0),
            outgoing("e", on_failure="{}"),
            outgoing("f", ordering_key="line"),
            outgoing("g"),
        ]
        async with open_store() as store:
            assert await store.append(sent) == 7
            claimed = await store.claim([demand(10)])

        assert names(claimed) == ["a", "b", "c", "d", "e", "f", "g"]
        for name in ("causation_id", "deduplication_key", "on_failure", "ordering_key"):
            expected = [getattr(one, name) for one in sent]
            assert [getattr(one, name) for one in claimed] == expected
        assert [one.expires_at is None for one in claimed] == [True] * 3 + [False] + [True] * 3

    async def test_a_claimed_message_is_not_handed_out_again(self, open_store: OpenStore) -> None:
        """One claim per message."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            claims = [await store.claim([demand()]) for _ in range(2)]

        assert [names(claim) for claim in claims] == [["m"], []]

    async def test_of_a_body_that_is_too_large_only_the_length_is_read(
        self, open_store: OpenStore
    ) -> None:
        """It may be buried, with its body; one of just the length that is allowed is read."""
        async with open_store(largest_body=4) as store:
            await store.append([outgoing("m", body=b"12345"), outgoing("n", body=b"1234")])
            await store.append([outgoing("o", endpoint="other", body=b"1234567")])
            large, whole = await store.claim([demand()])
            (other,) = await store.claim([demand(1, "", ENDPOINT, "other")])
            await store.settle([(large, DeadLetter(DeadLetterReason.UNDECODABLE))])
            letter = await store.dead_letter(large.copy_id)

        assert [(one.body, one.unread_bytes) for one in (large, whole, other)] == [
            (b"", 5),
            (b"1234", 0),
            (b"", 7),
        ]
        assert letter.body == b"12345"

    async def test_append_counts_what_it_stored(self, open_store: OpenStore) -> None:
        """Nothing is a number too."""
        async with open_store() as store:
            assert await store.append([outgoing("a"), outgoing("b")]) == 2
            assert await store.append([]) == 0

    async def test_claims_follow_the_order_of_sending(self, open_store: OpenStore) -> None:
        """First sent, first claimed; also over several claims."""
        async with open_store() as store:
            await store.append([outgoing("a"), outgoing("b")])
            await store.append([outgoing("c")])
            first = await store.claim([demand(2)])
            second = await store.claim([demand(2)])

        assert [names(first), names(second)] == [["a", "b"], ["c"]]

    async def test_a_higher_priority_goes_first(self, open_store: OpenStore) -> None:
        """Priority before the order of sending."""
        async with open_store() as store:
            await store.append([outgoing("low"), outgoing("high", priority=9)])
            await store.append([outgoing("below", priority=-1)])
            claimed = await store.claim([demand()])

        assert names(claimed) == ["high", "low", "below"]

    async def test_a_claim_takes_no_more_than_its_credit(self, open_store: OpenStore) -> None:
        """Credit bounds what a process holds."""
        async with open_store() as store:
            await store.append([outgoing(name) for name in "abc"])
            assert names(await store.claim([demand(2)])) == ["a", "b"]
            assert await store.claim([demand(0)]) == []

    async def test_a_claim_takes_only_what_it_asks_for(self, open_store: OpenStore) -> None:
        """Channel, endpoint and tenant must be those of the demand."""
        async with open_store() as store:
            await store.append(
                [
                    outgoing("other channel", channel="c"),
                    outgoing("other endpoint", endpoint="e"),
                    outgoing("other tenant", tenant="t"),
                    outgoing("mine"),
                ]
            )
            assert names(await store.claim([demand()])) == ["mine"]
            assert names(await store.claim([demand(9, "t")])) == ["other tenant"]

    async def test_endpoints_share_a_credit_in_order(self, open_store: OpenStore) -> None:
        """Of several endpoints the messages whose turn is first are claimed."""
        async with open_store() as store:
            await store.append([outgoing(name, endpoint=name[0]) for name in ("a1", "b1", "a2")])
            await store.append([outgoing("b2", endpoint="b", priority=1)])
            first = await store.claim([demand(3, "", "a", "b")])
            rest = await store.claim([demand(3, "", "a", "b")])

        assert [names(first), names(rest)] == [["b2", "a1", "b1"], ["a2"]]

    async def test_one_claim_serves_several_demands(self, open_store: OpenStore) -> None:
        """Each demand has its own credit."""
        async with open_store() as store:
            await store.append([outgoing(name, tenant=name[0]) for name in ("a1", "a2", "b1")])
            claimed = await store.claim([demand(1, "a"), demand(1, "b")])

        assert names(claimed) == ["a1", "b1"]

    async def test_waiting_tenants_come_in_order_and_wrap(self, open_store: OpenStore) -> None:
        """From the cursor on, each once, those with ready messages only."""
        async with open_store() as store:
            await store.append([outgoing(f"{t}{n}", tenant=t) for t in "cab" for n in range(3)])
            await store.append([outgoing("later", tenant="d", delay=60.0)])
            await store.append([outgoing("elsewhere", tenant="e", channel="other")])

            assert await store.waiting_tenants(CHANNEL, after="", limit=9) == ["a", "b", "c"]
            assert await store.waiting_tenants(CHANNEL, after="b", limit=2) == ["c", "a"]
            assert await store.waiting_tenants(CHANNEL, after="b", limit=9) == ["c", "a", "b"]
            assert await store.waiting_tenants("none", after="", limit=9) == []

    async def test_a_demand_for_any_tenant_deals_its_credit_out(
        self, open_store: OpenStore
    ) -> None:
        """A tenant with many messages does not keep the others waiting."""
        async with open_store() as store:
            await store.append([outgoing(f"a{n}", tenant="a") for n in range(9)])
            await store.append([outgoing(f"{t}0", tenant=t) for t in "bcd"])
            first = await store.claim([demand(2, None)])
            second = await store.claim([demand(2, None)])

        assert [names(first), names(second)] == [["a0", "b0"], ["c0", "d0"]]

    async def test_a_delayed_message_waits_until_it_is_due(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """A poll at the due time, which is known before, makes it ready."""
        async with open_store() as store:
            due = store.now() + 60.0
            await store.append([outgoing("m", delay=60.0)])
            assert (await store.poll()).next_due == due
            clock.advance(59.0)
            assert not (await store.poll()).changed
            assert await store.claim([demand()]) == []

            clock.advance(1.0)
            assert await store.poll() == Poll(changed=True, next_due=None)
            assert names(await store.claim([demand()])) == ["m"]

    async def test_a_message_can_be_due_at_a_time(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """By the wall clock; a time in the past is now."""
        async with open_store() as store:
            await store.append([outgoing("later", deliver_at=clock.wall() + 5.0)])
            await store.append([outgoing("past", deliver_at=clock.wall() - 5.0)])
            assert names(await store.claim([demand()])) == ["past"]
            clock.advance(5.0)
            await store.poll()
            assert names(await store.claim([demand()])) == ["later"]

    async def test_what_came_due_takes_its_place_by_due_time(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Neither before what was sent earlier than it was due, nor behind all the rest."""
        async with open_store() as store:
            await store.append([outgoing("delayed", delay=5.0), outgoing("before")])
            clock.advance(10.0)
            await store.append([outgoing("after")])
            await store.poll()
            claimed = await store.claim([demand()])

        assert names(claimed) == ["before", "delayed", "after"]

    async def test_a_message_expires_when_its_time_to_live_is_over(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """It is dropped, and counted for its queue."""
        async with open_store() as store:
            await store.append([outgoing("m", time_to_live=5.0)])
            assert (await store.poll()).next_due == clock.wall() + 5.0
            clock.advance(5.0)
            assert (await store.poll()).expired == 1
            assert await store.claim([demand()]) == []
            (queue,) = await store.statistics()

        assert (queue.expired, queue.ready) == (1, 0)

    async def test_time_to_live_begins_when_the_message_is_due(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """A delay does not eat it up."""
        async with open_store() as store:
            await store.append([outgoing("m", delay=60.0, time_to_live=5.0)])
            clock.advance(62.0)
            await store.poll()
            (claimed,) = await store.claim([demand()])

        assert claimed.expires_at == clock.wall() + 3.0

    async def test_a_claimed_message_does_not_expire(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Its holder decides, who may have begun; it can settle it as expired."""
        async with open_store() as store:
            await store.append([outgoing("m", time_to_live=5.0)])
            claimed = await claim_one(store)
            clock.advance(9.0)
            assert await store.poll() == Poll(changed=False, next_due=None)
            assert await store.settle([(claimed, EXPIRE)]) == 0
            (queue,) = await store.statistics()

        assert (queue.expired, queue.claimed) == (1, 0)

    async def test_a_key_is_sent_once_per_endpoint(self, open_store: OpenStore) -> None:
        """Also when it was handled meanwhile; without a key nothing is compared."""
        async with open_store() as store:
            copy = outgoing("m", deduplication_key="k")
            assert await store.append([copy, copy]) == 1
            await store.settle([(await claim_one(store), ACK)])
            assert await store.append([copy]) == 0
            assert await store.append([outgoing("m", deduplication_key="k", endpoint="e")]) == 1
            assert await store.append([outgoing("m"), outgoing("m")]) == 2

    async def test_a_key_is_forgotten_with_its_transaction(self, open_store: OpenStore) -> None:
        """What was not sent can be sent again; what was not handled can be handled again."""
        async with open_store() as store:
            copy = outgoing("m", deduplication_key="k")
            turn = await store.acquire("test")
            assert await turn.append([copy]) == 1
            assert await turn.remember(ENDPOINT, "k")
            await turn.rollback()
            turn = await store.acquire("test")
            assert await turn.append([copy]) == 1
            assert await turn.remember(ENDPOINT, "k")
            assert not await turn.remember(ENDPOINT, "k")
            assert await turn.remember("another", "k")
            await commit(turn)

    async def test_a_claim_says_which_messages_an_endpoint_has_handled(
        self, open_store: OpenStore
    ) -> None:
        """Under any of its ids; so that a second copy is not even started."""
        async with open_store() as store:
            turn = await store.acquire("old")
            await turn.remember("old", "k")
            await commit(turn)
            await store.append([outgoing("a", deduplication_key="k"), outgoing("b")])
            await store.append([outgoing("c", deduplication_key="other")])
            claimed = await store.claim([demand(9, "", ENDPOINT, "old")])

        assert names(claimed) == ["a", "b", "c"]
        assert [one.handled for one in claimed] == [True, False, False]

    async def test_of_two_copies_with_one_key_one_is_in_hand(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """The second is put off, uncounted; handled meanwhile, it comes marked, else it runs."""
        async with open_store() as store:
            await store.append(
                [outgoing(name, deduplication_key="k", forwarded=True) for name in "ab"]
            )
            mine = await claim_one(store)
            assert await store.claim([demand()]) == []
            await store.settle([(mine, Retry(60.0, failure()))])
            clock.advance(2.0)
            await store.poll()
            other = await claim_one(store)
            await store.settle([(other, RELEASE)])
            turn = await store.acquire("test")
            await turn.remember(ENDPOINT, "k")
            await commit(turn)
            again = await claim_one(store)

        assert (mine.message_id, other.message_id, other.attempts) == ("a", "b", 0)
        assert (other.handled, again.handled) == (False, True)

    async def test_second_copies_take_no_place_of_what_can_be_started(
        self, open_store: OpenStore
    ) -> None:
        """A claim that comes back with less than its credit has left nothing ready."""
        async with open_store() as store:
            twice = [outgoing(name, deduplication_key="k", forwarded=True) for name in "abcd"]
            await store.append([*twice, *(outgoing(name) for name in "efg")])
            first = await store.claim([demand(3)])
            second = await store.claim([demand(3)])

        assert [names(first), names(second)] == [["a", "e", "f"], ["g"]]

    async def test_what_a_tenant_leaves_of_its_share_goes_to_the_others(
        self, open_store: OpenStore
    ) -> None:
        """A demand for any tenant gets all that is ready, up to its credit."""
        async with open_store() as store:
            await store.append([outgoing("a", tenant="small")])
            await store.append([outgoing(name, tenant="large") for name in "bcdefg"])
            claimed = await store.claim([demand(6, None)])

        assert sorted(names(claimed)) == ["a", "b", "c", "d", "e", "f"]

    async def test_a_key_whose_message_was_not_handled_may_be_sent_again(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """After a death or an expiry, noticed by a poll or in hand."""
        copy = outgoing("m", deduplication_key="k", time_to_live=5.0)
        died = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())
        async with open_store() as store:
            for settlement in (died, EXPIRE):
                assert await store.append([copy]) == 1
                assert await store.append([copy]) == 0
                await store.settle([(await claim_one(store), settlement)])
            assert await store.append([copy]) == 1
            clock.advance(5.0)
            assert (await store.poll()).expired == 1
            assert await store.append([copy]) == 1

    async def test_a_key_has_one_dead_letter_at_most(self, open_store: OpenStore) -> None:
        """A later death takes the place of the first, and has its history; others stay."""
        died = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())
        copies = [
            outgoing("m", copy_id="first", deduplication_key="k"),
            outgoing("m", copy_id="second", deduplication_key="k"),
            outgoing("m", copy_id="elsewhere", deduplication_key="k", endpoint="other"),
            outgoing("n"),
        ]
        async with open_store() as store:
            for copy in copies:
                assert await store.append([copy]) == 1
                (claimed,) = await store.claim([demand(1, "", ENDPOINT, "other")])
                await store.settle([(claimed, died)])
            letters = await store.dead_letters(DeadLetterFilter())
            second = await store.dead_letter("second")

        assert [one.copy_id for one in letters] == ["second", "elsewhere", "copy-n"]
        assert len(second.failures) == 2

    async def test_what_is_remembered_is_counted(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """With its age, and what was forgotten; a purge may keep less than the store would."""
        async with open_store() as store:
            began = store.now()
            await store.append([outgoing("m", deduplication_key="k")])
            turn = await store.acquire("test")
            await turn.remember(ENDPOINT, "k")
            await commit(turn)
            before = await store.remembered()
            clock.advance(60.0)
            assert await store.purge(keep=30.0) == 2
            after = await store.remembered()

        assert before == Remembered(sent=1, handled=1, oldest_at=began, forgotten=0)
        assert after == Remembered(sent=0, handled=0, oldest_at=None, forgotten=2)

    async def test_keys_are_forgotten_after_their_retention(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """A purge counts them; younger ones stay."""
        async with open_store() as store:
            await store.append([outgoing("old", deduplication_key="old")])
            clock.advance(6 * 86400.0)
            await store.append([outgoing("young", deduplication_key="young")])
            assert await store.purge() == 0
            clock.advance(2 * 86400.0)
            assert await store.purge() == 1
            assert await store.append([outgoing("old", deduplication_key="old")]) == 1
            assert await store.append([outgoing("young", deduplication_key="young")]) == 0

    async def test_listeners_hear_of_channels_with_work(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """After the commit that made messages ready, whatever made them so."""
        heard: list[frozenset[str]] = []
        async with open_store() as store:
            store.on_ready(heard.append)
            await store.append([outgoing("a"), outgoing("b", channel="x")])
            await store.append([outgoing("c", delay=5.0)])
            assert heard == [{CHANNEL, "x"}]
            clock.advance(5.0)
            await store.poll()
            assert heard[1:] == [{CHANNEL}]
            (first, *_) = await store.claim([demand()])
            await store.settle([(first, RELEASE)])
            assert heard[2:] == [{CHANNEL}]

    async def test_listeners_do_not_hear_of_what_was_undone(self, open_store: OpenStore) -> None:
        """A rollback makes nothing ready."""
        heard: list[frozenset[str]] = []
        async with open_store() as store:
            store.on_ready(heard.append)
            turn = await store.acquire("test")
            await turn.append([outgoing("a")])
            await turn.rollback()
            await commit(await store.acquire("another"))

        assert heard == []
