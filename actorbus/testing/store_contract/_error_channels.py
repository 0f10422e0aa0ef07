"""Messages that failed for good and are handed to the handler of an error channel."""

from actorbus._settlement import (
    FORGET,
    RELEASE,
    DeadLetter,
    DeadLetterReason,
    Divert,
    Failed,
    Retry,
    SendBack,
    Settlement,
)
from actorbus._store import Claimed, DeadLetterFilter, Demand, Store
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import CHANNEL, ENDPOINT, demand, failure, names, outgoing
from actorbus.testing.store_contract._steps import OpenStore, claim_one

_ERRORS, _HANDLER = "errors", "shop.handlers.on_error"
_DIVERT = Divert(_ERRORS, _HANDLER, DeadLetterReason.ATTEMPTS_EXHAUSTED, failure(2, "again"))


async def _claim_error(store: Store) -> Claimed:
    (claimed,) = await store.claim([Demand(_ERRORS, (_HANDLER,), "", 10)])
    return claimed


async def _diverted(store: Store, **changes: object) -> Claimed:
    """Let a message fail twice, and return it as the error handler's."""
    await store.append([outgoing("m", **changes)])
    await store.settle([(await claim_one(store), Retry(0.0, failure(1, "first")))])
    await store.poll()
    await store.settle([(await claim_one(store), _DIVERT)])
    return await _claim_error(store)


class ErrorChannelContract:
    """What failed for good is handed over with all that is known of it."""

    async def test_the_error_handler_gets_it_with_where_it_failed(
        self, open_store: OpenStore
    ) -> None:
        """It is the same message, with attempts of the error handler's own, and never expires."""
        async with open_store() as store:
            claimed = await _diverted(store, time_to_live=60.0)
            failed = await store.failed_message("copy-m")
            assert await store.claim([demand()]) == []

        assert (claimed.channel, claimed.endpoint, claimed.tenant) == (_ERRORS, _HANDLER, "")
        assert (claimed.body, claimed.attempts, claimed.expires_at) == (b"m", 0, None)
        assert failed is not None
        assert (failed.channel, failed.endpoint, failed.attempts) == (CHANNEL, ENDPOINT, 2)
        assert (failed.reason, failed.exception_message) == ("attempts exhausted", "again")
        assert [one.message for one in failed.failures] == ["first", "again"]

    async def test_its_channel_hears_that_there_is_work(self, open_store: OpenStore) -> None:
        """It is the error channel that has a message now."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            told: set[str] = set()
            claimed = await claim_one(store)
            store.on_ready(told.update)
            await store.settle([(claimed, _DIVERT)])
            assert told == {_ERRORS}
            told.clear()
            await store.settle([(await _claim_error(store), SendBack(CHANNEL))])
            assert told == {CHANNEL}

    async def test_what_the_error_handler_is_done_with_is_gone(self, open_store: OpenStore) -> None:
        """Nothing is left of it, not even its history."""
        async with open_store() as store:
            assert await store.settle([(await _diverted(store), FORGET)]) == 0
            assert await store.failed_message("copy-m") is None
            assert await store.statistics() == []

    async def test_what_is_sent_back_is_handled_where_it_failed(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """With all its attempts, after the delay; it keeps its history."""
        async with open_store() as store:
            await store.settle([(await _diverted(store), SendBack(CHANNEL, 30.0))])
            assert await store.claim([demand()]) == []
            clock.advance(30.0)
            await store.poll()
            again = await claim_one(store)
            assert await store.failed_message("copy-m") is None
            await store.settle([(again, DeadLetter(DeadLetterReason.SUSPECT))])
            letter = await store.dead_letter("copy-m")

        assert (again.attempts, again.replays, again.endpoint) == (0, 1, ENDPOINT)
        assert [one.message for one in letter.failures] == ["first", "again"]

    async def test_a_key_that_an_error_handler_has_made_a_dead_letter_may_be_sent_again(
        self, open_store: OpenStore
    ) -> None:
        """As that of any dead letter; while the error handler has it, it may not."""
        letter = DeadLetter(DeadLetterReason.REJECTED, of_error_channel=True)
        async with open_store() as store:
            claimed = await _diverted(store, deduplication_key="k")
            again = [outgoing("again", deduplication_key="k")]
            assert await store.append(again) == 0
            await store.settle([(claimed, letter)])
            assert await store.append(again) == 1
            await store.settle([(await claim_one(store), DeadLetter(letter.reason, failure()))])
            letters = await store.dead_letters(DeadLetterFilter(), limit=9)

        assert [one.message_id for one in letters] == ["again"]

    async def test_a_dead_letter_that_another_one_takes_the_place_of_parks_nothing_any_more(
        self, open_store: OpenStore
    ) -> None:
        """Nobody could replay it, so that what waits for it would wait for ever."""
        letter = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure(), parks_key=True)
        async with open_store() as store:
            for key in ("first", "second"):
                copy = outgoing(key, deduplication_key="k", ordering_key=key)
                await store.append([copy, outgoing(f"behind {key}", ordering_key=key)])
                await store.settle([(await claim_one(store), letter)])
            claimed = await store.claim([demand()])

        assert names(claimed) == ["behind first"]

    async def test_a_dead_letter_of_the_error_handlers_is_that_of_the_first(
        self, open_store: OpenStore
    ) -> None:
        """With both failures in its history; its replay goes to where it failed first."""
        reason = DeadLetterReason.ERROR_HANDLER_FAILED
        async with open_store() as store:
            claimed = await _diverted(store)
            own = failure(1, "the error handler failed")
            await store.settle([(claimed, DeadLetter(reason, own, of_error_channel=True))])
            letter = await store.dead_letter("copy-m")
            assert await store.replay(DeadLetterFilter()) == 1
            again = await claim_one(store)

        assert (letter.channel, letter.endpoint, letter.attempts) == (CHANNEL, ENDPOINT, 2)
        assert (letter.reason, letter.exception_message) == (reason, "the error handler failed")
        assert [one.message for one in letter.failures][-2:] == [
            "again",
            "the error handler failed",
        ]
        assert again.endpoint == ENDPOINT

    async def test_a_dead_letter_without_a_failure_of_its_own_shows_the_first(
        self, open_store: OpenStore
    ) -> None:
        """And what the error handler said is in the history."""
        async with open_store() as store:
            note = failure(1, "not worth it")
            letter = DeadLetter(DeadLetterReason.REJECTED, of_error_channel=True, note=note)
            await store.settle([(await _diverted(store), letter)])
            row = await store.dead_letter("copy-m")

        assert (row.reason, row.exception_message) == ("rejected", "again")
        assert row.failures[-1].message == "not worth it"

    async def test_what_failed_in_a_synchronous_handler_stays_the_error_handlers(
        self, open_store: OpenStore
    ) -> None:
        """It never was on a channel: its dead letter is replayed to the error handler."""
        failed = Failed(
            "", ENDPOINT, "", "attempts exhausted", "E", "no", "T", 1, 7.0, (failure(1, "no"),)
        )
        copy = outgoing("m", channel=_ERRORS, endpoint=_HANDLER, failed=failed)
        letter = DeadLetter(DeadLetterReason.REJECTED, of_error_channel=True)
        async with open_store() as store:
            await store.append([copy])
            assert await store.failed_message("copy-m") == failed
            await store.settle([(await _claim_error(store), letter)])
            row = await store.dead_letter("copy-m")
            await store.replay(DeadLetterFilter())
            again = await _claim_error(store)
            assert await store.failed_message("copy-m") == failed
            await store.settle([(again, letter)])
            await store.delete_dead_letters(DeadLetterFilter())
            assert await store.failed_message("copy-m") is None

        assert (row.channel, row.endpoint, row.exception_message) == (_ERRORS, _HANDLER, "no")

    async def test_of_a_copy_that_was_sent_twice_both_are_settled(
        self, open_store: OpenStore
    ) -> None:
        """In one batch, in every way that there is; none is left in somebody's hands."""
        ways: list[Settlement] = [
            DeadLetter(DeadLetterReason.REJECTED, of_error_channel=True),
            SendBack(CHANNEL, 30.0),
            FORGET,
        ]
        async with open_store() as store:
            for way in ways:
                await store.append([outgoing("m"), outgoing("m")])
                twice = await store.claim([demand()])
                assert await store.settle([(one, _DIVERT) for one in twice]) == 0
                again = await store.claim([Demand(_ERRORS, (_HANDLER,), "", 10)])
                assert names(again) == ["m", "m"]
                assert await store.settle([(one, way) for one in again]) == 0
            queues = await store.statistics()
            letters = await store.dead_letters(DeadLetterFilter(), limit=9)

        assert sum(queue.waiting for queue in queues) == 2
        assert sum(queue.claimed for queue in queues) == 0
        assert [letter.copy_id for letter in letters] == ["copy-m"]

    async def test_a_copy_of_which_nothing_is_known_any_more_becomes_a_dead_letter(
        self, open_store: OpenStore
    ) -> None:
        """That of the error handler: another one with its copy id was settled before it."""
        letter = DeadLetter(
            DeadLetterReason.UNDECODABLE, failure(1, "nothing is known"), of_error_channel=True
        )
        async with open_store() as store:
            await store.append([outgoing("m"), outgoing("m")])
            await store.settle([(one, _DIVERT) for one in await store.claim([demand()])])
            one, other = await store.claim([Demand(_ERRORS, (_HANDLER,), "", 10)])
            assert await store.settle([(one, FORGET)]) == 0
            assert await store.settle([(other, letter)]) == 0
            row = await store.dead_letter("copy-m")

        assert (row.channel, row.endpoint, row.attempts) == (_ERRORS, _HANDLER, 1)

    async def test_settlements_that_come_too_late_change_nothing(
        self, open_store: OpenStore
    ) -> None:
        """Each of them is guarded by the claim."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            old = await claim_one(store)
            await store.settle([(old, RELEASE)])
            late: list[Settlement] = [_DIVERT, SendBack(CHANNEL), FORGET]
            letter = DeadLetter(DeadLetterReason.REJECTED, of_error_channel=True)
            assert await store.settle([(old, each) for each in (*late, letter)]) == 4
            assert (await claim_one(store)).message_id == "m"

    async def test_what_its_gateway_says_about_failures_stays_with_it(
        self, open_store: OpenStore
    ) -> None:
        """Also through the dead letters."""
        async with open_store() as store:
            await store.append([outgoing("m", on_failure='{"a":1}')])
            claimed = await claim_one(store)
            await store.settle([(claimed, DeadLetter(DeadLetterReason.SUSPECT))])
            await store.replay(DeadLetterFilter())
            again = await claim_one(store)

        assert (claimed.on_failure, again.on_failure) == ('{"a":1}', '{"a":1}')
