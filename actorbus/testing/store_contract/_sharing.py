"""Several processes on one store: leases, suspects, what they see of each other."""

import trio

from actorbus._settlement import ACK, RELEASE, Retry
from actorbus._store import (
    Store,
)
from actorbus.consuming._pauses import Pause
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import (
    CHANNEL,
    demand,
    failure,
    names,
    outgoing,
)
from actorbus.testing.store_contract._steps import (
    EXHAUSTED,
    OpenStore,
    claim_one,
    commit,
)


class Noted:
    """A handler in another process that notes its message before it begins."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.answers: list[bool] = []

    async def note(self, key: str) -> None:
        """Note it, keep the answer, and undo it."""
        turn = await self._store.acquire("the other handler")
        self.answers.append(await turn.remember("bill", key))
        await turn.rollback()


class SharingContract:
    """Several processes on one store."""

    async def test_two_processes_never_hold_the_same_message(self, open_store: OpenStore) -> None:
        """Claims divide what is ready."""
        async with open_store("first") as first, open_store("second") as second:
            await first.append([outgoing(name) for name in "abcd"])
            mine = await first.claim([demand(2)])
            theirs = await second.claim([demand(9)])

        assert [names(mine), names(theirs)] == [["a", "b"], ["c", "d"]]

    async def test_two_processes_never_hold_messages_of_one_key(
        self, open_store: OpenStore
    ) -> None:
        """A key's next message is nobody's before the one in turn is settled."""
        async with open_store("first") as first, open_store("second") as second:
            await first.append([outgoing(name, ordering_key="acme") for name in "abc"])
            mine = await first.claim([demand()])
            assert await second.claim([demand()]) == []
            await first.settle([(mine[0], ACK)])
            theirs = await second.claim([demand()])
            assert await first.claim([demand()]) == []

        assert [names(mine), names(theirs)] == [["a"], ["b"]]

    async def test_of_two_that_note_a_key_at_once_the_second_waits_and_finds_it(
        self, open_store: OpenStore
    ) -> None:
        """Once the first is committed."""
        async with open_store("first") as first, open_store("second") as second:
            turn = await first.acquire("handler")
            assert await turn.remember("bill", "k")
            async with trio.open_nursery() as nursery:
                noted = Noted(second)
                nursery.start_soon(noted.note, "k")
                await trio.sleep(0.02)
                await commit(turn)

        assert noted.answers == [False]

    async def test_of_two_that_note_a_key_at_once_the_second_may_if_the_first_is_undone(
        self, open_store: OpenStore
    ) -> None:
        """A handler that failed leaves no note."""
        async with open_store("first") as first, open_store("second") as second:
            turn = await first.acquire("handler")
            assert await turn.remember("bill", "k")
            async with trio.open_nursery() as nursery:
                noted = Noted(second)
                nursery.start_soon(noted.note, "k")
                await trio.sleep(0.02)
                await turn.rollback()

        assert noted.answers == [True]

    async def test_after_a_crash_a_key_goes_on_with_the_suspect(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """What was in turn when its process ended is before all others of its key."""
        async with open_store("first", lease=5.0) as first, open_store("second") as second:
            await first.append([outgoing(name, ordering_key="acme") for name in "ab"])
            await first.claim([demand()])
            clock.advance(6.0)
            await second.renew()
            assert await second.take_back() == 1
            (suspect,) = await second.claim([demand()])
            await second.settle([(suspect, ACK)])
            (following,) = await second.claim([demand()])

        assert (suspect.message_id, suspect.suspect) == ("a", True)
        assert (following.message_id, following.suspect) == ("b", False)

    async def test_what_a_dead_process_was_to_relay_is_no_suspect(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """All of it is ready at once for another one: no handler's code has seen it."""
        copies = [outgoing(name, for_endpoint="bill") for name in "abc"]
        async with open_store("first", lease=5.0) as first, open_store("second") as second:
            await first.append(copies)
            await first.claim([demand()])
            clock.advance(6.0)
            await second.renew()
            assert await second.take_back() == 3
            claimed = await second.claim([demand()])

        assert names(claimed) == ["a", "b", "c"]
        assert not any(one.suspect for one in claimed)

    async def test_what_another_process_commits_is_noticed(self, open_store: OpenStore) -> None:
        """Once, by a poll soon after; its own commits are no news."""
        async with open_store("first") as first, open_store("second") as second:
            await first.poll()
            await first.append([outgoing("own")])
            assert not (await first.poll()).changed
            await second.append([outgoing("m")])
            with trio.fail_after(10):
                while not (await first.poll()).changed:  # noqa: ASYNC110  it is asked, not told
                    await trio.sleep(0.01)
            assert not (await first.poll()).changed

    async def test_a_pause_is_seen_by_all_processes(self, open_store: OpenStore) -> None:
        """At their next poll; it outlives the process that asked for it."""
        async with open_store("second") as second:
            async with open_store("first") as first:
                await first.pause(Pause("orders", "", first.now(), None, "deploying"))
            assert [pause.reason for pause in (await second.poll()).pauses] == ["deploying"]

    async def test_an_orderly_end_gives_back_what_is_claimed(self, open_store: OpenStore) -> None:
        """At once, uncounted, not suspected; its lease is gone."""
        async with open_store("second") as second:
            async with open_store("first") as first:
                await first.append([outgoing("m")])
                await first.claim([demand()])
            (claimed,) = await second.claim([demand()])
            rows = await second.processes()

        assert (claimed.attempts, claimed.suspect) == (0, False)
        assert [row.process_id for row in rows] == ["second"]

    async def test_an_expired_lease_is_taken_back_as_suspects(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Not before; and the old holder's settlements are stale."""
        heard: list[frozenset[str]] = []
        async with open_store("first", lease=10.0) as first, open_store("second") as second:
            second.on_ready(heard.append)
            await first.append([outgoing("m")])
            lost = await claim_one(first)
            clock.advance(9.9)
            assert await second.take_back() == 0
            clock.advance(0.1)
            await second.renew()
            assert await second.take_back() == 1
            assert await first.settle([(lost, ACK), (lost, EXHAUSTED)]) == 2
            claimed = await claim_one(second)
            assert await first.settle([(lost, ACK)]) == 1
            assert await second.settle([(claimed, ACK)]) == 0

        assert claimed.suspect
        assert claimed.epoch > lost.epoch
        assert set(heard) == {frozenset({CHANNEL})}

    async def test_a_renewed_lease_is_not_taken_back(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Whatever the wall clock says."""
        async with open_store("first") as first, open_store("second") as second:
            await first.append([outgoing("m")])
            await first.claim([demand()])
            for _ in range(3):
                clock.advance(9.0)
                assert await first.renew()
            clock.set_wall(clock.wall() + 1e6)
            assert await second.take_back() == 0

    async def test_a_lost_lease_is_taken_anew(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """The process that was slow hears it, and can work again."""
        async with open_store("first") as first, open_store("second") as second:
            clock.advance(11.0)
            await second.renew()
            await second.take_back()
            assert not await first.renew()
            assert await first.renew()
            assert len(await second.processes()) == 2

    async def test_a_lease_holds_until_it_runs_out(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """And again once it is renewed."""
        async with open_store("first", lease=10.0) as first:
            held = [first.lease_holds]
            for seconds in (9.9, 0.1):
                clock.advance(seconds)
                held.append(first.lease_holds)
            await first.renew()
            held.append(first.lease_holds)

        assert held == [True, True, False, True]

    async def test_a_process_that_lost_its_lease_claims_nothing_before_it_has_a_new_one(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """What it claimed without one would be nobody's."""
        async with open_store("first") as first, open_store("second") as second:
            await first.append([outgoing("m")])
            clock.advance(11.0)
            await second.renew()
            await second.take_back()
            without = await first.claim([demand()])
            await first.renew()
            anew = await first.claim([demand()])

        assert [names(without), names(anew)] == [[], ["m"]]

    async def test_a_restart_of_the_machine_ends_all_leases(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """However small the new machine's time is."""
        async with open_store("first") as first, open_store("second") as second:
            await first.append([outgoing("m")])
            await first.claim([demand()])
            clock.reboot()
            await second.renew()
            assert await second.take_back() == 1

    async def test_suspects_come_one_at_a_time_with_their_start_counted(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Each process handles one; others go on beside it."""
        async with open_store("second") as second:
            await _suspects(open_store, second, clock, "ab")
            await second.append([outgoing("c")])
            first = await second.claim([demand()])
            assert names(first) == ["a", "c"]
            assert await second.claim([demand()]) == []
            await second.settle([(first[0], ACK)])
            assert names(await second.claim([demand()])) == ["b"]

    async def test_of_a_suspect_that_is_too_large_only_the_length_is_read(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """A body may well be what ended its process."""
        async with open_store("second", largest_body=0) as second:
            await _suspects(open_store, second, clock, "a")
            (claimed,) = await second.claim([demand()])

        assert (claimed.suspect, claimed.body, claimed.unread_bytes) == (True, b"", 1)

    async def test_a_suspect_that_ends_its_process_again_has_its_attempts_counted(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """So that a message which kills its process is found out."""
        async with open_store("watcher") as watcher:
            await _suspects(open_store, watcher, clock, "m")
            attempts = []
            for _ in range(3):
                (claimed,) = await watcher.claim([demand()])
                attempts.append(claimed.attempts)
                clock.advance(100.0)
                async with open_store("helper") as helper:
                    assert await helper.take_back() == 1
                await watcher.renew()

        assert attempts == [0, 1, 2]

    async def test_a_suspect_that_is_released_was_not_started(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Its attempt is taken back; it stays a suspect."""
        async with open_store("second") as second:
            await _suspects(open_store, second, clock, "m")
            await second.settle([(await claim_one(second), RELEASE)])
            again = await claim_one(second)

        assert (again.attempts, again.suspect) == (0, True)

    async def test_a_suspect_that_fails_is_one_no_more(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """It ended in order; its attempt is counted once."""
        async with open_store("second") as second:
            await _suspects(open_store, second, clock, "m")
            await second.settle([(await claim_one(second), Retry(0.0, failure()))])
            clock.advance(1.0)
            await second.poll()
            again = await claim_one(second)

        assert (again.attempts, again.suspect) == (1, False)

    async def test_a_suspect_is_given_back_in_order_at_the_end(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Uncounted, like all that is released."""
        async with open_store("third") as third:
            async with open_store("second") as second:
                await _suspects(open_store, second, clock, "m")
                await second.claim([demand()])
            (claimed,) = await third.claim([demand()])

        assert (claimed.attempts, claimed.suspect) == (0, True)

    async def test_a_key_is_sent_once_by_all_processes(self, open_store: OpenStore) -> None:
        """So that a sender can be run again anywhere."""
        copy = outgoing("m", deduplication_key="k")
        async with open_store("first") as first, open_store("second") as second:
            assert [await first.append([copy]), await second.append([copy])] == [1, 0]


async def _suspects(open_store: OpenStore, survivor: Store, clock: ManualClock, sent: str) -> None:
    """Let a process die with these messages in its hands, and a survivor take them back."""
    async with open_store("victim", lease=1.0) as victim:
        await victim.append([outgoing(name) for name in sent])
        await victim.claim([demand()])
        clock.advance(2.0)
        await survivor.renew()
        await survivor.take_back()
