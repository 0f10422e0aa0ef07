"""Transactions: turns at the writer, and snapshots."""

import pytest
import trio
import trio.testing

from actorbus._settlement import ACK, RELEASE, Retry
from actorbus._store import (
    StaleClaim,
    StatementRefused,
    TurnEnded,
)
from actorbus.testing._store_samples import (
    Listener,
    demand,
    failure,
    names,
    outgoing,
)
from actorbus.testing.store_contract._steps import (
    OpenStore,
    claim_one,
    commit,
    effects,
    make_effects,
    write,
)


class TurnsContract:
    """Handlers' transactions, alone and beside each other."""

    async def test_writes_settlement_and_messages_commit_together(
        self, open_store: OpenStore
    ) -> None:
        """A handler's transaction is one."""
        async with open_store() as store:
            await make_effects(store)
            await store.append([outgoing("cause")])
            claimed = await claim_one(store)
            turn = await store.acquire("test")
            await write(turn, "effect")
            assert await turn.append([outgoing("result", endpoint="next")]) == 1
            await turn.settle(claimed, ACK)
            await commit(turn)

            assert await effects(store) == ["effect"]
            assert await store.settle([(claimed, ACK)]) == 1
            assert names(await store.claim([demand(9, "", "next")])) == ["result"]

    async def test_a_rollback_undoes_its_turn_only(self, open_store: OpenStore) -> None:
        """Turns before and behind it in the same commit stay."""
        async with open_store() as store:
            await make_effects(store)
            listeners = [Listener(), Listener()]
            for name, listener in zip(("before", "behind"), listeners, strict=True):
                turn = await store.acquire(name)
                await write(turn, name)
                await turn.append([outgoing(name)])
                await turn.finish(listener)
                turn = await store.acquire("undone")
                await write(turn, "undone")
                await turn.append([outgoing("undone")])
                await turn.rollback()
            for listener in listeners:
                await listener.wait()

            assert await effects(store) == ["before", "behind"]
            assert sorted(names(await store.claim([demand()]))) == ["before", "behind"]

    async def test_turns_of_one_owner_may_share_a_commit(self, open_store: OpenStore) -> None:
        """Whatever a store makes of it, each is done or undone on its own."""
        async with open_store() as store:
            await make_effects(store)
            for name in ("first", "undone", "last"):
                turn = await store.acquire("test", group=10)
                async with turn.savepoint():
                    await write(turn, name)
                await turn.append([outgoing(name)])
                await (turn.rollback() if name == "undone" else commit(turn))

            assert await effects(store) == ["first", "last"]
            assert sorted(names(await store.claim([demand()]))) == ["first", "last"]

    async def test_a_savepoint_is_undone_alone(self, open_store: OpenStore) -> None:
        """An error inside undoes its block, also a nested one, and nothing else."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("test")
            async with turn.savepoint():
                await write(turn, "outer")
                with pytest.raises(KeyError):
                    async with turn.savepoint():
                        await write(turn, "inner")
                        raise KeyError
            await commit(turn)

            assert await effects(store) == ["outer"]

    async def test_a_turn_that_ends_inside_a_savepoint_is_undone_as_a_whole(
        self, open_store: OpenStore
    ) -> None:
        """However many savepoints its holder has not left."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("test")
            await write(turn, "outside")
            await turn.savepoint().__aenter__()
            await turn.savepoint().__aenter__()
            await write(turn, "inside")
            await turn.rollback()
            turn = await store.acquire("test")
            await write(turn, "next")
            await commit(turn)
            assert await effects(store) == ["next"]

    async def test_rows_are_read_by_position_and_by_name(self, open_store: OpenStore) -> None:
        """In the turn that wrote them, before the commit."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("test")
            await turn.executemany("INSERT INTO effects VALUES ($1)", [("a",), ("b",)])
            rows = await turn.fetch("SELECT name, $1 AS extra FROM effects ORDER BY name", ("x",))
            none = await turn.fetch_one("SELECT name FROM effects WHERE name = $1", ("c",))
            await turn.rollback()

        assert [(row[0], row["extra"]) for row in rows] == [("a", "x"), ("b", "x")]
        assert none is None

    async def test_a_statement_says_how_many_rows_it_changed(self, open_store: OpenStore) -> None:
        """Placeholders may be used twice; a text that looks like one is a text."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("test")
            await turn.execute("INSERT INTO effects VALUES ($1), ($1), ('$1')", ("a",))
            result = await turn.execute("UPDATE effects SET name = $2 WHERE name = $1", ("a", "b"))
            await commit(turn)

            assert result.rowcount == 2
            assert await effects(store) == ["$1", "b", "b"]

    async def test_a_cancelled_holder_can_roll_back(self, open_store: OpenStore) -> None:
        """Without being let into a checkpoint."""
        async with open_store() as store:
            await make_effects(store)
            with trio.CancelScope() as scope:
                turn = await store.acquire("cancelled")
                try:
                    await write(turn, "undone")
                    scope.cancel()
                    await trio.sleep_forever()
                finally:
                    await turn.rollback()

            assert await effects(store) == []

    async def test_finish_returns_before_the_commit(self, open_store: OpenStore) -> None:
        """The listener is told later, once."""
        async with open_store() as store:
            await make_effects(store)
            listener = Listener()
            turn = await store.acquire("test")
            await write(turn, "a")
            await turn.finish(listener)
            assert listener.told == []
            await listener.wait()
            await commit(await store.acquire("another"))

        assert listener.told == [None]

    async def test_a_turn_is_over_when_it_is_given_up(self, open_store: OpenStore) -> None:
        """Its methods say so, except for a second rollback."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("shop.bill")
            await turn.rollback()
            await turn.rollback()
            with pytest.raises(TurnEnded, match=r"shop\.bill"):
                await write(turn, "late")
            with pytest.raises(TurnEnded):
                await turn.finish(Listener())

    @pytest.mark.parametrize(
        "sql",
        [
            "COMMIT",
            "BEGIN",
            "ROLLBACK",
            "END",
            "SAVEPOINT mine",
        ],
    )
    async def test_a_handler_cannot_end_the_transaction(
        self, open_store: OpenStore, sql: str
    ) -> None:
        """Refused with the owner's name; the turn and its group go on."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("shop.bill")
            await write(turn, "kept")
            with pytest.raises(StatementRefused, match=r"shop\.bill"):
                await turn.execute(sql)
            await commit(turn)

            assert await effects(store) == ["kept"]

    async def test_a_batch_is_acknowledged_with_its_transaction(
        self, open_store: OpenStore
    ) -> None:
        """All of it is gone with the commit, one that has failed before with its history."""
        async with open_store() as store:
            await store.append([outgoing("a"), outgoing("b")])
            first, second = await store.claim([demand(2)])
            await store.settle([(first, Retry(0.0, failure()))])
            await store.poll()
            (again,) = await store.claim([demand()])
            turn = await store.acquire("test")
            await turn.acknowledge([second, again])
            await commit(turn)
            queues = await store.statistics()

        assert again.attempts == 1
        assert all(queue.claimed + queue.ready + queue.waiting == 0 for queue in queues)

    async def test_a_stale_member_of_a_batch_stops_its_transaction(
        self, open_store: OpenStore
    ) -> None:
        """Nothing is acknowledged once it is rolled back: the others are claimed as before."""
        async with open_store() as store:
            await store.append([outgoing("a"), outgoing("b")])
            first, second = await store.claim([demand(2)])
            await store.settle([(first, ACK)])
            turn = await store.acquire("test")
            with pytest.raises(StaleClaim):
                await turn.acknowledge([second, first])
                await commit(turn)
            await turn.rollback()

            assert await store.settle([(second, ACK)]) == 0

    async def test_a_stale_settlement_stops_its_transaction(self, open_store: OpenStore) -> None:
        """It raises, at once or with the commit, so that the effects are undone with it."""
        async with open_store() as store:
            await make_effects(store)
            await store.append([outgoing("m")])
            claimed = await claim_one(store)
            await store.settle([(claimed, RELEASE)])
            turn = await store.acquire("test")
            await write(turn, "undone")
            with pytest.raises(StaleClaim, match="copy-m"):
                await turn.settle(claimed, ACK)
                await commit(turn)
            await turn.rollback()

            assert await effects(store) == []
            assert names(await store.claim([demand()])) == ["m"]

    async def test_a_snapshot_stays_as_it_was(self, open_store: OpenStore) -> None:
        """Neither open turns nor later commits show in it, and it waits for neither."""
        async with open_store() as store:
            await make_effects(store)
            turn = await store.acquire("test")
            await write(turn, "new")
            async with await store.snapshot("shop.query") as snapshot:
                assert await snapshot.fetch("SELECT name FROM effects") == []
                await commit(turn)
                assert await snapshot.fetch_one("SELECT name FROM effects") is None

            assert await effects(store) == ["new"]

    async def test_a_snapshot_refuses_to_write(self, open_store: OpenStore) -> None:
        """With the owner's name."""
        async with open_store() as store:
            await make_effects(store)
            async with await store.snapshot("shop.query") as snapshot:
                with pytest.raises(StatementRefused, match=r"shop\.query"):
                    await snapshot.fetch("INSERT INTO effects VALUES ('a') RETURNING name")
                with pytest.raises(StatementRefused):
                    await snapshot.fetch("COMMIT")
            with pytest.raises(TurnEnded):
                await snapshot.fetch("SELECT 1")

            assert await effects(store) == []
