"""Answers to queries on their way from one process to another."""

from actorbus._store import StoredReply
from actorbus.testing._clock import ManualClock
from actorbus.testing.store_contract._steps import OpenStore, commit


def reply(query_id: str, process_id: str = "first", **changes: object) -> StoredReply:
    """Return an answer to a query, with changes."""
    values: dict[str, object] = {"body": b"\x01", "expires_at": 1_800_000_000.0}
    return StoredReply(process_id=process_id, query_id=query_id, **(values | changes))  # type: ignore[arg-type]  # as the tests give them


class RepliesContract:
    """One process asks, another answers."""

    async def test_a_reply_is_fetched_once_by_who_asked(self, open_store: OpenStore) -> None:
        """In order; others see nothing of it; an answer and a failure arrive as they are."""
        answer = reply("one")
        failed = reply("two", body=None, failure=("shop.Closed", "come back later"))
        async with open_store("first") as first, open_store("second") as second:
            turn = await second.acquire("answering")
            await turn.reply(answer)
            await turn.reply(failed)
            assert await first.replies() == []
            await commit(turn)
            assert (await first.poll()).changed
            assert await second.replies() == []
            assert await first.replies(limit=1) == [answer]
            assert await first.replies() == [failed]
            assert await first.replies() == []

    async def test_a_reply_that_is_rolled_back_never_was(self, open_store: OpenStore) -> None:
        """It leaves with its transaction."""
        async with open_store("first") as first:
            turn = await first.acquire("answering")
            await turn.reply(reply("one"))
            await turn.rollback()
            assert await first.replies() == []

    async def test_a_purge_drops_replies_that_nobody_waits_for(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Those of processes that have ended would lie there for ever."""
        async with open_store("first") as first:
            now = first.now()
            turn = await first.acquire("answering")
            await turn.reply(reply("one", expires_at=now + 5.0))
            await turn.reply(reply("two", expires_at=now + 50.0))
            await commit(turn)
            clock.advance(10.0)
            await first.purge()
            assert [one.query_id for one in await first.replies()] == ["two"]
