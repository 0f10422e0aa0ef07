"""One handled message's transaction: its writes, what it sends, its settlement; all or nothing.

Rules:
 1. The store's writer is taken at the first statement, else at the commit, else not at all.
 2. What is sent is staged, and appended in the same turn as the settlement.
 3. `after_commit` functions and replies wait for the commit; on a rollback they never run.
 4. A unit inside a unit is a savepoint of it: its failure undoes its own part only.
 5. A unit that is over refuses everything, so a late thread cannot send for a lost message.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actorbus._settlement import Settlement
    from actorbus._store import Claimed, CommitListener, Outgoing, Store, Turn


class UnitOfWork:
    """What one handler does to the store. Made by the delivery, or for a synchronous call."""

    rollback_only: bool

    def __init__(self, store: "Store", owner: str, headers: Any = None) -> None: ...

    def stage(self, copies: "Sequence[Outgoing]") -> None:
        """Keep the copies until the commit."""

    def after_commit(self, function: Callable[[], Any]) -> None:
        """Call the function once, on the trio side, after the commit."""

    async def turn(self) -> "Turn":
        """Return the turn at the writer, taking it if this is the first need."""
        raise NotImplementedError

    async def commit(
        self,
        listener: "CommitListener",
        claimed: "Claimed | None" = None,
        settlement: "Settlement | None" = None,
        remember: tuple[str, str] | None = None,
    ) -> bool:
        """Hand everything to the store's next commit; the listener hears how it went.

        With nothing but a settlement to write, it is queued (`Store.settle_soon`). Returns False,
        with everything undone, when `remember` names a message that was handled before. Raises
        RollbackOnly, StaleClaim and the store's errors, with everything undone.
        """
        raise NotImplementedError

    async def rollback(self) -> None:
        """Undo everything; nothing that was staged leaves."""
