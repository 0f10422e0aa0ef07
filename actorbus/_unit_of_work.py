"""One handled message's transaction: its writes, what it sends, its settlement; all or nothing.

Rules:
 1. The store's writer is taken at the first statement, else at the commit, else not at all.
 2. What is sent is staged, and appended in the same turn as the settlement.
 3. `after_commit` functions and replies wait for the commit; on a rollback they never run.
 4. A unit inside a unit is a savepoint of it: its failure undoes its own part only.
 5. A unit that is over refuses everything, so a late thread cannot send for a lost message.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import trio

from actorbus._errors import HandlerEnded, ReadOnlyTransaction, RollbackOnly, TransactionError
from actorbus._message import Headers

if TYPE_CHECKING:
    from actorbus._settlement import Settlement
    from actorbus._store import (
        Claimed,
        CommitListener,
        Outgoing,
        ReadTransaction,
        Store,
        StoreUnavailable,
        Turn,
    )

Hook = Callable[[], Any]

current_unit_of_work: ContextVar["UnitOfWork | None"] = ContextVar(
    "current_unit_of_work", default=None
)


class UnitOfWork:
    """What one handler does to the store. Used on the trio side only.

    `owner` names the endpoint, also in messages about a turn that was held too long. `headers`
    are those of the message being handled; what is sent inherits from them. `alone` makes its
    turn a commit of its own. `run_hooks` takes the `after_commit` functions once it is committed.
    """

    __slots__ = (
        "_cause",
        "_ended",
        "_hooks",
        "_inner",
        "_taken",
        "_taking",
        "_turn",
        "alone",
        "headers",
        "owner",
        "run_hooks",
        "staged",
        "store",
    )

    reads_only = False

    def __init__(
        self,
        store: "Store",
        owner: str,
        headers: Headers | None = None,
        *,
        alone: bool = False,
        run_hooks: Callable[[Sequence[Hook]], None] | None = None,
    ) -> None:
        self.store = store
        self.owner = owner
        self.headers = headers
        self.alone = alone
        self.run_hooks = run_hooks
        self.staged: list[Outgoing] = []
        self._hooks: list[Hook] | None = None
        self._turn: Turn | None = None
        self._taking = False
        self._taken: trio.Event | None = None
        self._inner: trio.Event | None = None
        self._cause: BaseException | None = None
        self._ended = False

    # -- what a handler does ----------------------------------------------------------------

    def stage(self, copies: "Sequence[Outgoing]") -> None:
        """Keep the copies until the commit. Raises HandlerEnded."""
        self.check_open()
        self.staged.extend(copies)

    def after_commit(self, function: Hook) -> None:
        """Call the function once, after the commit. Raises HandlerEnded."""
        self.check_open()
        if self._hooks is None:
            self._hooks = []
        self._hooks.append(function)

    async def turn(self) -> "Turn":
        """Return the turn at the writer, taking it if this is the first need.

        While a unit inside this one has its savepoint open, its statements are its alone: this
        waits until that one is over. Checkpoints: only if it has to wait.
        """
        self.check_open()
        turn = self._turn
        while turn is None or self._inner is not None:
            if self._inner is not None:
                await self._inner.wait()
            else:
                await self._take_turn()
            self.check_open()
            turn = self._turn
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

    async def begin_part(self) -> "Part":
        """Begin a part that can be undone alone."""
        turn = await self.turn()
        savepoint = turn.savepoint()
        await savepoint.__aenter__()
        return Part(self, savepoint)

    # -- how it ends ------------------------------------------------------------------------

    @property
    def rollback_only(self) -> bool:
        """Whether a part of it failed, so that it cannot commit."""
        return self._cause is not None

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
            raise RollbackOnly(f"{self.owner}: a part of the transaction failed") from self._cause
        if self._hooks:
            listener = _RunHooks(listener, self._hooks, self.run_hooks)
        if self._turn is None and not self.staged and remember is None:
            self._ended = True
            self._commit_without_turn(listener, claimed, settlement)
            return True
        return await self._commit_turn(listener, claimed, settlement, remember)

    async def rollback(self) -> None:
        """Undo everything; nothing that was staged leaves. Twice is once."""
        self._ended = True
        turn, self._turn = self._turn, None
        if turn is not None:
            with trio.CancelScope(shield=True):
                await turn.rollback()

    def savepoint(self, owner: str, headers: Headers) -> "InnerUnitOfWork":
        """Return a unit inside this one, for a handler that is called synchronously."""
        return InnerUnitOfWork(self, owner, headers)

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
        turn = await self.store.acquire(self.owner, alone=self.alone)
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


class Part:
    """A savepoint that a handler asked for; it covers what is sent inside too."""

    __slots__ = ("_savepoint", "_staged", "_unit_of_work")

    def __init__(
        self, unit_of_work: UnitOfWork, savepoint: AbstractAsyncContextManager[Any]
    ) -> None:
        self._unit_of_work = unit_of_work
        self._savepoint = savepoint
        self._staged = len(unit_of_work.staged)

    async def end(self, error: BaseException | None) -> None:
        """Keep the part, or undo it if there is an error."""
        if error is not None:
            del self._unit_of_work.staged[self._staged :]
        with trio.CancelScope(shield=True):
            await undo_or_keep(self._savepoint, error)


async def undo_or_keep(
    savepoint: AbstractAsyncContextManager[Any], error: BaseException | None
) -> None:
    """Leave a savepoint, by an error or well. The error itself is not raised again."""
    try:
        await savepoint.__aexit__(type(error) if error else None, error, None)
    except BaseException as raised:
        if raised is not error:
            raise


class InnerUnitOfWork(UnitOfWork):
    """A unit inside another: a savepoint, opened at its first statement.

    On success what it staged becomes the outer unit's; on failure nothing of it remains.
    """

    __slots__ = ("_outer", "_over", "_savepoint")

    def __init__(self, outer: UnitOfWork, owner: str, headers: Headers) -> None:
        super().__init__(outer.store, owner, headers)
        self._outer = outer
        self._over: trio.Event | None = None
        self._savepoint: AbstractAsyncContextManager[Any] | None = None

    async def _begin(self) -> None:
        turn = await self._outer.turn()
        if self._ended:
            return
        self._over = self._outer._inner = trio.Event()  # noqa: SLF001  a unit of the same kind
        savepoint = turn.savepoint()
        try:
            await savepoint.__aenter__()
        except BaseException:
            self._leave()
            raise
        self._savepoint = savepoint
        if self._ended:
            await self._close(RollbackOnly(self.owner))
        else:
            self._turn = turn

    async def merge(self) -> None:
        """End it well: the outer unit takes over what it wrote, staged and wants to be called."""
        self.check_open()
        if self._cause is not None:
            await self.rollback()
            raise RollbackOnly(f"{self.owner}: a part of the transaction failed") from self._cause
        self._ended = True
        await self._close(None)
        self._outer.stage(self.staged)
        for hook in self._hooks or ():
            self._outer.after_commit(hook)

    async def rollback(self) -> None:
        """Undo its own part."""
        if not self._ended:
            self._ended = True
            with trio.CancelScope(shield=True):
                await self._close(RollbackOnly(self.owner))

    async def _close(self, error: BaseException | None) -> None:
        savepoint, self._savepoint, self._turn = self._savepoint, None, None
        if savepoint is None:
            return
        try:
            await undo_or_keep(savepoint, error)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._outer._inner = None  # noqa: SLF001  a unit of the same kind
        if self._over is not None:
            self._over.set()


class SnapshotUnitOfWork(UnitOfWork):
    """A query handler's unit: it reads a snapshot, opened at its first read, and sends nothing."""

    __slots__ = ("_snapshot",)

    reads_only = True

    def __init__(self, store: "Store", owner: str, headers: Headers | None = None) -> None:
        super().__init__(store, owner, headers)
        self._snapshot: ReadTransaction | None = None

    def stage(self, copies: "Sequence[Outgoing]") -> None:
        """Refuse: a query sends nothing."""
        raise ReadOnlyTransaction(f"{self.owner}: a query handler sends no commands and events")

    def after_commit(self, function: Hook) -> None:
        """Refuse: a query commits nothing."""
        raise ReadOnlyTransaction(f"{self.owner}: a query handler has no commit to wait for")

    async def turn(self) -> "Turn":
        """Refuse: a query never takes the writer."""
        raise ReadOnlyTransaction(f"{self.owner}: a query handler reads, with fetch and fetch_one")

    async def reader(self) -> "Turn | ReadTransaction":
        """Return the snapshot, opening it if this is the first read."""
        self.check_open()
        while self._snapshot is None:
            await self._take_turn()
            self.check_open()
        return self._snapshot

    async def rollback(self) -> None:
        """Close the snapshot."""
        self._ended = True
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            with trio.CancelScope(shield=True):
                await snapshot.__aexit__(None, None, None)

    def savepoint(self, owner: str, headers: Headers) -> InnerUnitOfWork:
        """Refuse: a query calls no command or event handlers."""
        raise ReadOnlyTransaction(f"{self.owner}: a query handler sends no commands and events")

    async def _begin(self) -> None:
        snapshot = await self.store.snapshot(self.owner)
        await snapshot.__aenter__()
        if self._ended:
            await snapshot.__aexit__(None, None, None)
        else:
            self._snapshot = snapshot


class _RunHooks:
    """A commit listener that hands over the `after_commit` functions, then tells the next one."""

    __slots__ = ("_hooks", "_next", "_run")

    def __init__(
        self,
        listener: "CommitListener",
        hooks: Sequence[Hook],
        run: Callable[[Sequence[Hook]], None] | None,
    ) -> None:
        self._next = listener
        self._hooks = hooks
        self._run = run

    def committed(self) -> None:
        """Run the functions."""
        if self._run is not None:
            self._run(self._hooks)
        self._next.committed()

    def lost(self, error: "StoreUnavailable") -> None:
        """Drop the functions: what they wait for did not happen."""
        self._next.lost(error)


class Outcome:
    """A commit listener for somebody who waits."""

    __slots__ = ("_done", "_error")

    def __init__(self) -> None:
        self._done = trio.Event()
        self._error: BaseException | None = None

    def committed(self) -> None:
        """Wake the waiter."""
        self._done.set()

    def lost(self, error: "StoreUnavailable") -> None:
        """Wake the waiter with an error."""
        self._error = error
        self._done.set()

    async def wait(self) -> None:
        """Return when it is committed. Raises what it was lost with."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
