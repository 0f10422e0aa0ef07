"""When it is noted that a message is handled: with its settlement, or before its handler begins.

Both are in the handler's transaction, so that a handler that fails leaves no note. Noted last, it
costs nothing until the handler has ended, and of two that run at once one is undone at its end.
Noted first, the second one waits for the first, and is skipped once that has committed; but the
transaction is open for as long as the handler runs, and on SQLite there is one.
"""

from collections.abc import Sequence

from actorbus._store import Claimed
from actorbus.declaring._channel import Inbox
from actorbus.transactions._unit_of_work import UnitOfWork

Note = tuple[str, str]


class Notes:
    """What an endpoint notes of the messages that it handles."""

    __slots__ = ("_owner", "_remembers", "first")

    def __init__(self, owner: str, mode: Inbox, *, remembers: bool) -> None:
        self._owner = owner
        self._remembers = remembers
        self.first = remembers and mode == "first"
        """Whether `known` is to be asked before the handler begins."""

    async def known(self, unit: UnitOfWork, batch: Sequence[Claimed]) -> list[Claimed]:
        """Note messages that are about to be handled; return those that were handled before.

        Waits for who is handling one of them. In order of their keys, so that two batches do not
        wait for each other.
        """
        noted = [(one.deduplication_key, one) for one in batch if one.deduplication_key is not None]
        from_broker = [one for one in batch if one.origin is not None]
        if not noted and not from_broker:
            return []
        turn = await unit.turn()
        from_broker.sort(key=lambda one: one.inbox_key)
        known = [one for one in from_broker if not await turn.note(one)]
        if known:
            return known
        noted.sort(key=lambda each: each[0])
        return [one for key, one in noted if not await turn.remember(self._owner, key)]

    def last(self, claimed: Claimed) -> Note | None:
        """Return what is to be noted of a message with its settlement."""
        key = claimed.deduplication_key
        return None if key is None or self.first or not self._remembers else (self._owner, key)
