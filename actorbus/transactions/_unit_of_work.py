"""One handled message's transaction: its writes, what it sends, its settlement; all or nothing.

Rules:
 1. The store's writer is taken at the first statement, else at the commit, else not at all.
 2. What is sent is staged, and appended in the same turn as the settlement.
 3. `after_commit` functions and replies wait for the commit; on a rollback they never run.
 4. A unit inside a unit is a savepoint of it (`_inner_units`): its failure undoes its own part.
 5. A unit that is over refuses everything, so a late thread cannot send for a lost message.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import trio

from actorbus._errors import HandlerEnded, RollbackOnly, TransactionError
from actorbus._settlement import ACK
from actorbus.endpoints._traceback import described
from actorbus.messages._message import Headers
from actorbus.transactions._listeners import Hook, RunHooks
from actorbus.transactions._savepoints import Part, refuse_others

if TYPE_CHECKING:
    from actorbus._settlement import Settlement
    from actorbus._store import (
        Claimed,
        CommitListener,
        Outgoing,
        ReadTransaction,
        StaleClaim,
        Store,
        StoreUnavailable,
        Turn,
    )

current_unit_of_work: ContextVar["UnitOfWork | None"] = ContextVar(
    "current_unit_of_work", default=None
)


class UnitOfWork:
    """What one handler does to the store. Used on the trio side only.

    `owner` names the endpoint, also in messages about a turn that was held too long. `headers`
    are those of the message being handled; what is sent inherits from them. `alone` makes its
    turn a commit of its own, which up to `group` may share otherwise. `run_hooks` takes the
    `after_commit` functions once it is committed.
    `inner` is set when the unit inside it that has a savepoint open is over; None if none has.
    `parts` are the savepoints that the handler has open, `hooks` its `after_commit` functions.
    """

    __slots__ = (
        "_cause",
        "_ended",
        "_taken",
        "_taking",
        "_turn",
        "alone",
        "group",
        "headers",
        "hooks",
        "inner",
        "owner",
        "parts",
        "run_hooks",
        "staged",
        "store",
    )

    reads_only = False
    depth = 0
    """How many units it is inside of."""

    def __init__(
        self,
        store: "Store",
        owner: str,
        headers: Headers | None = None,
        *,
        alone: bool = False,
        group: int = 1,
        run_hooks: Callable[[Sequence[Hook]], None] | None = None,
    ) -> None:
        self.store = store
        self.owner = owner
        self.headers = headers
        self.alone = alone
        self.group = group
        self.run_hooks = run_hooks
        self.staged: list[Outgoing] = []
        self.hooks: list[Hook] = []
        self.parts: list[Part] = []
        self._turn: Turn | None = None
        self._taking = False
        self._taken: trio.Event | None = None
        self.inner: trio.Event | None = None
        self._cause: BaseException | None = None
        self._ended = False

    # -- what a handler does ----------------------------------------------------------------

    def stage(self, copies: "Sequence[Outgoing]") -> None:
        """Keep the copies until the commit. Raises HandlerEnded and TransactionError."""
        self.check_open()
        if self.parts:
            refuse_others(self)
        self.staged.extend(copies)

    def after_commit(self, function: Hook) -> None:
        """Call the function once, after the commit. Raises HandlerEnded and TransactionError."""
        self.check_open()
        if self.parts:
            refuse_others(self)
        self.hooks.append(function)

    async def turn(self) -> "Turn":
        """Return the turn at the writer, taking it if this is the first need.

        While a unit inside this one has its savepoint open, its statements are its alone: this
        waits until that one is over. Raises TransactionError in a task that is not inside the
        savepoint that the handler has open. Checkpoints: only if it has to wait.
        """
        self.check_open()
        turn = self._turn
        while turn is None or self.inner is not None:
            if self.inner is not None:
                await self.inner.wait()
            else:
                await self._take_turn()
            self.check_open()
            turn = self._turn
        if self.parts:
            refuse_others(self)
        return turn

    async def reader(self) -> "Turn | ReadTransaction":
        """Return what reads are run on: the turn, or a query's snapshot."""
        return await self.turn()

    @property
    def connection(self) -> Any:
        """The driver's connection. Raises TransactionError before the first statement."""
        self.check_open()
        if self._turn is None:
            raise TransactionError(f"{self.owner}: connection is there after the first statement")
        return self._turn.connection

    # -- how it ends ------------------------------------------------------------------------

    @property
    def rollback_only(self) -> bool:
        """Whether a part of it failed, so that it cannot commit."""
        return self._cause is not None

    @property
    def has_begun(self) -> bool:
        """Whether it holds the store's writer, or waits for it."""
        return self._turn is not None or self._taking

    @property
    def ended(self) -> bool:
        """Whether it was committed or rolled back."""
        return self._ended

    def fail(self, cause: BaseException) -> None:
        """Let it not commit any more, because of this error. The first cause is kept."""
        if self._cause is None:
            self._cause = cause

    def forgive(self, cause: BaseException) -> None:
        """Take back `fail` of this very error: somebody has looked at it."""
        if self._cause is cause:
            self._cause = None

    def check_open(self) -> None:
        """Raise HandlerEnded if it is over."""
        if self._ended:
            raise HandlerEnded(
                f"{self.owner}: the handler that this transaction belongs to has ended;"
                " work that outlives it sends within `with actorbus.detached():`"
            )

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
        self.check_open()
        if self._cause is not None:
            await self.rollback()
            raise self._rollback_only(self._cause) from self._cause
        if self.hooks:
            listener = RunHooks(listener, self.hooks, self.run_hooks)
        if self._turn is None and not self.staged and remember is None:
            self._ended = True
            self._commit_without_turn(listener, claimed, settlement)
            return True
        return await self._commit_turn(listener, claimed, settlement, remember)

    async def commit_batch(
        self,
        listener: "BatchListener",
        batch: "Sequence[tuple[Claimed, tuple[str, str] | None]]",
    ) -> "list[Claimed]":
        """Commit it as `commit` does, with the acknowledgement of a batch of messages.

        Each comes with what is remembered of it. Returns those that were handled before, with
        everything undone; with nothing but settlements to write, they are queued one by one.
        """
        self.check_open()
        if self._cause is not None:
            await self.rollback()
            raise self._rollback_only(self._cause) from self._cause
        keys = any(key is not None for _, key in batch)
        if self._turn is None and not (self.staged or self.hooks or keys):
            self._ended = True
            for (claimed, _), each in zip(batch, listener.each, strict=True):
                self.store.settle_soon(claimed, ACK, each.committed, each.lost)
            return []
        return await self._commit_batch_turn(
            RunHooks(listener, self.hooks, self.run_hooks) if self.hooks else listener, batch
        )

    def _rollback_only(self, cause: BaseException) -> RollbackOnly:
        return RollbackOnly(f"{self.owner}: a part of the transaction failed: {described(cause)}")

    async def rollback(self) -> None:
        """Undo everything; nothing that was staged leaves. Twice is once."""
        self._ended = True
        turn, self._turn = self._turn, None
        if turn is not None:
            with trio.CancelScope(shield=True):
                await turn.rollback()

    def check_writes(self) -> None:
        """Raise ReadOnlyTransaction if nothing may be written or sent in it."""
        self.check_open()

    # -- inside -----------------------------------------------------------------------------

    async def _take_turn(self) -> None:
        """Take the turn, or wait while another task of the handler does."""
        if self._taking:
            if self._taken is None:
                self._taken = trio.Event()
            await self._taken.wait()
            return
        self._taking = True
        try:
            await self._begin()
        finally:
            self._taking = False
            if self._taken is not None:
                self._taken.set()
                self._taken = None

    async def _begin(self) -> None:
        turn = await self.store.acquire(self.owner, alone=self.alone, group=self.group)
        if self._ended:
            await turn.rollback()
        else:
            self._turn = turn

    def _commit_without_turn(
        self,
        listener: "CommitListener",
        claimed: "Claimed | None",
        settlement: "Settlement | None",
    ) -> None:
        if claimed is None or settlement is None:
            listener.committed()
        else:
            self.store.settle_soon(claimed, settlement, listener.committed, listener.lost)

    async def _commit_turn(
        self,
        listener: "CommitListener",
        claimed: "Claimed | None",
        settlement: "Settlement | None",
        remember: tuple[str, str] | None,
    ) -> bool:
        try:
            turn = await self.turn()
            if remember is not None and not await turn.remember(*remember):
                await self.rollback()
                return False
            if self.staged:
                await turn.append(self.staged)
            if claimed is not None and settlement is not None:
                await turn.settle(claimed, settlement)
            self._ended = True
            await turn.finish(listener)
        except BaseException:
            await self.rollback()
            raise
        self._turn = None
        return True

    async def _commit_batch_turn(
        self,
        listener: "CommitListener",
        batch: "Sequence[tuple[Claimed, tuple[str, str] | None]]",
    ) -> "list[Claimed]":
        try:
            turn = await self.turn()
            known = [one for one, key in batch if key is not None and not await turn.remember(*key)]
            if known:
                await self.rollback()
                return known
            if self.staged:
                await turn.append(self.staged)
            await turn.acknowledge([claimed for claimed, _ in batch])
            self._ended = True
            await turn.finish(listener)
        except BaseException:
            await self.rollback()
            raise
        self._turn = None
        return []


class BatchListener(Protocol):
    """A commit listener for a batch, with one for `each` of its messages."""

    @property
    def each(self) -> "Sequence[CommitListener]": ...
    def committed(self) -> None:
        """Say that all of it is durable."""
        ...

    def lost(self, error: "StoreUnavailable | StaleClaim") -> None:
        """Say that nothing of it is there."""
        ...
