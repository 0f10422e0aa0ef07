"""A store with one writer: transactions take turns, and share commits."""

import pytest
import trio
import trio.testing

from actorbus._store import Store, TransactionTooLong
from actorbus.testing._store_samples import Listener
from actorbus.testing.store_contract._steps import (
    OpenStore,
    commit,
    effects,
    make_effects,
    write,
)


class OneWriterContract:
    """To inherit from beside the store contract, where handlers take the one writer in turn."""

    async def test_a_failed_statement_leaves_the_turn_usable(self, open_store: OpenStore) -> None:
        """The handler may catch the driver's error and go on."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("test")
            await write(turn, "kept")
            with pytest.raises(Exception, match="no such table"):
                await turn.execute("INSERT INTO missing VALUES (1)")
            await write(turn, "kept too")
            await commit(turn)

            assert await effects(store) == ["kept", "kept too"]

    async def test_statements_of_two_turns_never_interleave(self, open_store: OpenStore) -> None:
        """A turn that waits for something in between has the writer all that time."""
        async with open_store() as store:
            await make_effects(store)

            async def handle(name: str) -> None:
                turn = await store.acquire(name)
                before = await turn.fetch("SELECT name FROM effects")
                await write(turn, name)
                for _ in range(3):
                    await trio.lowlevel.checkpoint()
                after = await turn.fetch("SELECT name FROM effects")
                assert len(after) == len(before) + 1
                await turn.finish(Listener())

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(handle, str(number))

    async def test_a_cancelled_acquire_leaves_the_line(self, open_store: OpenStore) -> None:
        """Who comes next is served."""
        async with open_store() as store:
            held = await store.acquire("holder")
            with trio.move_on_after(0) as scope:
                await store.acquire("cancelled")
            await held.rollback()
            with trio.fail_after(10):
                await (await store.acquire("next")).rollback()

        assert scope.cancelled_caught

    async def test_turns_are_served_in_order(self, open_store: OpenStore) -> None:
        """First come, first served."""
        order: list[int] = []

        async def take(store: Store, number: int) -> None:
            turn = await store.acquire(str(number))
            order.append(number)
            await turn.rollback()

        async with open_store() as store:
            held = await store.acquire("holder")
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(take, store, number)
                    await trio.testing.wait_all_tasks_blocked()
                await held.rollback()

        assert order == [0, 1, 2, 3, 4]

    async def test_finished_turns_share_a_commit(self, open_store: OpenStore) -> None:
        """All of them are told together, in their order."""
        async with open_store() as store:
            await make_effects(store)
            listeners = [Listener() for _ in range(5)]
            for listener in listeners:
                turn = await store.acquire("test")
                await write(turn, "a")
                await turn.finish(listener)
            assert [listener.told for listener in listeners] == [[]] * 5
            await listeners[0].wait()
            assert [listener.told for listener in listeners] == [[None]] * 5

    async def test_alone_shares_its_commit_with_nobody(self, open_store: OpenStore) -> None:
        """What was finished before is committed before; what comes later waits."""
        async with open_store() as store:
            await make_effects(store)
            before, alone = Listener(), Listener()
            turn = await store.acquire("before")
            await turn.finish(before)
            turn = await store.acquire("alone", alone=True)
            assert before.told == [None]
            await turn.finish(alone)
            following = await store.acquire("following")
            assert alone.told == [None]
            await following.rollback()

    async def test_a_turn_that_is_held_too_long_is_undone_by_name(
        self, open_store: OpenStore
    ) -> None:
        """Who finished before commits, who waits is served, its holder hears it."""
        async with open_store() as store:
            await make_effects(store)
            early = Listener()
            turn = await store.acquire("early")
            await write(turn, "early")
            await turn.finish(early)
            slow = await store.acquire("shop.slow")
            await write(slow, "slow")
            await slow.savepoint().__aenter__()
            following = await store.acquire("following")
            await write(following, "following")
            await commit(following)

            assert early.told == [None]
            assert await effects(store) == ["early", "following"]
            with pytest.raises(TransactionTooLong, match=r"shop\.slow"):
                await slow.finish(Listener())
            await slow.rollback()
