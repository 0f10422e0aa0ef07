"""Settlement, dead letters, statistics."""

import pytest
import trio
import trio.testing

from actorbus._settlement import ACK, EXPIRE, RELEASE, DeadLetter, DeadLetterReason, Retry
from actorbus._store import (
    DeadLetterFilter,
    DeadLetterNotFound,
    QueueStatistics,
    StoreClosed,
)
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import (
    CHANNEL,
    ENDPOINT,
    Listener,
    demand,
    failure,
    names,
    outgoing,
)
from actorbus.testing.store_contract._steps import (
    EXHAUSTED,
    OpenStore,
    bury,
    claim_one,
    make_effects,
    write,
)


class SettlingContract:
    """What becomes of claimed messages, and what operators see of it."""

    async def test_what_is_acknowledged_is_gone(self, open_store: OpenStore) -> None:
        """Nothing of it is left in any queue."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            assert await store.settle([(await claim_one(store), ACK)]) == 0
            assert await store.statistics() == []

    async def test_a_retry_counts_the_attempt_and_waits(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Its delay begins with the settlement."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            first = await claim_one(store)
            await store.settle([(first, Retry(30.0, failure()))])
            assert await store.claim([demand()]) == []
            clock.advance(30.0)
            await store.poll()
            second = await claim_one(store)

        assert (first.attempts, second.attempts) == (0, 1)
        assert second.epoch > first.epoch
        assert second.sequence == first.sequence

    async def test_a_release_is_not_counted_and_keeps_its_place(
        self, open_store: OpenStore
    ) -> None:
        """As if it had not been claimed."""
        async with open_store() as store:
            await store.append([outgoing("a"), outgoing("b")])
            (first,) = await store.claim([demand(1)])
            await store.settle([(first, RELEASE)])
            again = await store.claim([demand()])

        assert names(again) == ["a", "b"]
        assert [message.attempts for message in again] == [0, 0]

    async def test_a_dead_letter_counts_the_start_that_failed_if_there_was_one(
        self, open_store: OpenStore
    ) -> None:
        """What no handler was started for has no attempts, also with the error that says why."""
        async with open_store() as store:
            for attempt in (0, 1):
                await store.append([outgoing(f"m{attempt}")])
                letter = DeadLetter(DeadLetterReason.UNDECODABLE, failure(attempt, "why"))
                await store.settle([(await claim_one(store), letter)])
            letters = await store.dead_letters(DeadLetterFilter(), limit=9)

        assert [letter.attempts for letter in letters] == [0, 1]
        assert [letter.exception_message for letter in letters] == ["why", "why"]

    async def test_a_stale_settlement_is_a_counted_no_op(self, open_store: OpenStore) -> None:
        """The others of its batch are written."""
        async with open_store() as store:
            await store.append([outgoing("a"), outgoing("b")])
            a, b = await store.claim([demand()])
            await store.settle([(a, RELEASE)])
            stale = await store.settle([(a, ACK), (a, EXHAUSTED), (a, EXPIRE), (b, ACK)])
            left = await store.claim([demand()])
            dead = await store.count_dead_letters(DeadLetterFilter())

        assert (stale, names(left), dead) == (3, ["a"], 0)

    async def test_settle_soon_calls_back_after_the_commit(self, open_store: OpenStore) -> None:
        """Not from within the call; and the message is settled then."""
        done = trio.Event()
        async with open_store() as store:
            await store.append([outgoing("m")])
            store.settle_soon(await claim_one(store), ACK, done.set, lambda _: None)
            assert not done.is_set()
            with trio.fail_after(10):
                await done.wait()
            assert await store.statistics() == []

    async def test_settlements_that_are_queued_are_written_at_the_end(
        self, open_store: OpenStore
    ) -> None:
        """Closing commits them before it releases the rest."""
        told: list[str] = []
        async with open_store() as store:
            await store.append([outgoing("m")])
            claimed = await claim_one(store)
            store.settle_soon(claimed, ACK, lambda: told.append("done"), lambda _: None)

        assert told == ["done"]

    async def test_a_dead_letter_has_its_history(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Every attempt, oldest first; the last one in its own columns."""
        async with open_store() as store:
            await store.append([outgoing("m", headers='{"a": "b"}')])
            await store.settle([(await claim_one(store), Retry(0.0, failure(1, "first")))])
            clock.advance(1.0)
            await store.poll()
            last = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure(2, "second"))
            await store.settle([(await claim_one(store), last)])
            letter = await store.dead_letter("copy-m")

        assert [(each.attempt, each.message) for each in letter.failures] == [
            (1, "first"),
            (2, "second"),
        ]
        assert (letter.reason, letter.attempts) == ("attempts exhausted", 2)
        assert (letter.exception, letter.exception_message) == ("shop.BillingError", "second")
        assert (letter.body, letter.headers) == (b"m", '{"a": "b"}')
        assert letter.died_at == clock.wall()

    async def test_a_dead_letter_may_have_no_exception(self, open_store: OpenStore) -> None:
        """An unknown endpoint is not a start."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            unknown = DeadLetter(DeadLetterReason.UNKNOWN_ENDPOINT)
            await store.settle([(await claim_one(store), unknown)])
            letter = await store.dead_letter("copy-m")

        assert (letter.exception, letter.attempts, letter.failures) == (None, 0, ())

    async def test_an_exception_of_any_text_can_be_kept(self, open_store: OpenStore) -> None:
        """Also one that is no valid unicode."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            odd = DeadLetter(DeadLetterReason.PERMANENT_ERROR, failure(1, "file \udcff\x00"))
            await store.settle([(await claim_one(store), odd)])
            letter = await store.dead_letter("copy-m")

        kept = letter.exception_message  # not every database holds a NUL
        assert kept in {"file \\udcff\x00", "file \\udcff\\x00"}

    async def test_dead_letters_are_found_by_what_they_are(self, open_store: OpenStore) -> None:
        """All that is given must match."""
        async with open_store() as store:
            await bury(store, "a", tenant="t")
            await bury(store, "b", endpoint="other")
            await bury(store, "c", type_name="shop.Other")

            async def found(**values: object) -> list[str]:
                letters = await store.dead_letters(DeadLetterFilter(**values))  # type: ignore[arg-type]  # fields by name
                return [letter.message_id for letter in letters]

            assert await found() == ["a", "b", "c"]
            assert await found(tenant="t") == ["a"]
            assert await found(endpoint="other", channel=CHANNEL) == ["b"]
            assert await found(endpoint="other", tenant="t") == []
            assert await found(type_name="shop.Other") == ["c"]
            assert await found(reason="permanent error") == []
            assert await found(exception="shop.BillingError", message_id="c") == ["c"]
            assert await found(copy_ids=("copy-c", "copy-a")) == ["a", "c"]
            assert await found(copy_ids=()) == []
            assert await found(died_after=store.now()) == []
            assert await found(died_before=store.now() + 1.0) == ["a", "b", "c"]
            assert await store.count_dead_letters(DeadLetterFilter(tenant="")) == 2

    async def test_dead_letters_come_in_pages(self, open_store: OpenStore) -> None:
        """Each page begins behind the last number of the one before."""
        async with open_store() as store:
            for name in "abc":
                await bury(store, name)
            first = await store.dead_letters(DeadLetterFilter(), limit=2)
            rest = await store.dead_letters(DeadLetterFilter(), limit=2, after=first[-1].number)

        assert [[each.message_id for each in page] for page in (first, rest)] == [["a", "b"], ["c"]]

    async def test_a_replay_starts_anew_at_its_endpoint(self, open_store: OpenStore) -> None:
        """With fresh attempts, and a history that goes on if it fails again."""
        async with open_store() as store:
            await bury(store, "m", priority=2, tenant="t", time_to_live=1.0)
            assert await store.replay(DeadLetterFilter(copy_ids=("copy-m",))) == 1
            assert await store.count_dead_letters(DeadLetterFilter()) == 0
            (claimed,) = await store.claim([demand(1, "t")])
            assert (claimed.copy_id, claimed.priority, claimed.body) == ("copy-m", 2, b"m")
            assert (claimed.attempts, claimed.replays, claimed.expires_at) == (0, 1, None)

            await store.settle([(claimed, EXHAUSTED)])
            letter = await store.dead_letter("copy-m")

        assert (letter.replays, letter.attempts, len(letter.failures)) == (1, 1, 2)

    async def test_a_replay_that_succeeds_leaves_nothing(self, open_store: OpenStore) -> None:
        """Its history goes with it: a later death under the same copy id begins anew."""
        async with open_store() as store:
            await bury(store, "m")
            await store.replay(DeadLetterFilter())
            await store.settle([(await claim_one(store), ACK)])
            assert await store.statistics() == []
            await bury(store, "m")
            letter = await store.dead_letter("copy-m")

        assert len(letter.failures) == 1

    async def test_a_replay_by_filter_leaves_the_others(self, open_store: OpenStore) -> None:
        """It wakes their channels."""
        heard: list[frozenset[str]] = []
        async with open_store() as store:
            await bury(store, "a")
            await bury(store, "b", endpoint="other")
            store.on_ready(heard.append)
            assert await store.replay(DeadLetterFilter(endpoint=ENDPOINT)) == 1
            assert names(await store.claim([demand(9, "", ENDPOINT, "other")])) == ["a"]
            assert await store.count_dead_letters(DeadLetterFilter()) == 1

        assert heard == [{CHANNEL}]

    async def test_dead_letters_can_be_deleted(self, open_store: OpenStore) -> None:
        """With their histories; it says how many."""
        async with open_store() as store:
            await bury(store, "a")
            await bury(store, "b")
            assert await store.delete_dead_letters(DeadLetterFilter(message_id="a")) == 1
            with pytest.raises(DeadLetterNotFound, match="copy-a"):
                await store.dead_letter("copy-a")
            assert (await store.dead_letter("copy-b")).message_id == "b"

    async def test_a_dead_letter_can_be_mended(self, open_store: OpenStore) -> None:
        """Body or headers; what is not given stays."""
        async with open_store() as store:
            await bury(store, "m")
            await store.edit_dead_letter("copy-m", body=b"mended")
            await store.edit_dead_letter("copy-m", headers='{"c": "d"}')
            await store.replay(DeadLetterFilter())
            claimed = await claim_one(store)
            with pytest.raises(DeadLetterNotFound):
                await store.edit_dead_letter("copy-x", body=b"")

        assert (claimed.body, claimed.headers) == (b"mended", '{"c": "d"}')

    async def test_statistics_count_each_queue_by_state(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Per channel, endpoint and tenant, with the time of the oldest."""
        async with open_store() as store:
            start = clock.wall()
            await bury(store, "dead")
            await store.append([outgoing("claimed")])
            await store.claim([demand()])
            clock.advance(1.0)
            await store.append([outgoing(name) for name in "ab"])
            await store.append([outgoing("later", delay=9.0), outgoing("t", tenant="t")])
            queues = await store.statistics()

        assert queues == [
            QueueStatistics(
                channel=CHANNEL,
                endpoint=ENDPOINT,
                tenant="",
                ready=2,
                waiting=1,
                claimed=1,
                dead=1,
                oldest_enqueued_at=start,
            ),
            QueueStatistics(
                channel=CHANNEL,
                endpoint=ENDPOINT,
                tenant="t",
                ready=1,
                oldest_enqueued_at=start + 1.0,
            ),
        ]

    async def test_a_process_is_seen_with_its_snapshot(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """And whether its lease holds."""
        async with open_store("mine", lease=10.0) as store:
            await store.publish_process('{"tree": []}')
            (row,) = await store.processes()
            clock.advance(11.0)
            (late,) = await store.processes()
            assert await store.renew()
            (renewed,) = await store.processes()

        assert (row.process_id, row.snapshot) == ("mine", '{"tree": []}')
        assert [row.alive, late.alive, renewed.alive] == [True, False, True]
        assert renewed.renewed_at == clock.wall()

    async def test_a_closed_store_says_so(self, open_store: OpenStore) -> None:
        """Closing twice is closing once."""
        async with open_store() as store:
            pass
        await store.close()
        with pytest.raises(StoreClosed):
            await store.acquire("test")
        with pytest.raises(StoreClosed):
            await store.append([outgoing("m")])
        with pytest.raises(StoreClosed):
            await store.poll()

    async def test_closing_waits_for_those_in_line(self, open_store: OpenStore) -> None:
        """What is under way is committed; who comes too late is told."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("test")
            listener = Listener()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.close)
                await trio.testing.wait_all_tasks_blocked()
                await write(turn, "a")
                await turn.finish(listener)
            assert listener.told == [None]
