"""Units that are not a transaction of their own: a savepoint inside another, a query's snapshot."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import trio

from actorbus._errors import NestedTooDeep, ReadOnlyTransaction, RollbackOnly
from actorbus.messages._message import Headers
from actorbus.transactions._listeners import Hook
from actorbus.transactions._savepoints import refuse_others, undo_or_keep
from actorbus.transactions._unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from actorbus._store import Outgoing, ReadTransaction, Store, Turn


MOST_NESTED = 50
"""Handlers inside handlers, at most: Python's stack holds a few hundred, savepoints more."""


class InnerUnitOfWork(UnitOfWork):
    """A unit inside another: a savepoint, opened at its first statement.

    On success what it staged becomes the outer unit's; on failure nothing of it remains.
    """

    __slots__ = ("_outer", "_over", "_savepoint", "depth")

    def __init__(self, outer: UnitOfWork, owner: str, headers: Headers) -> None:
        outer.check_writes()
        super().__init__(outer.store, owner, headers)
        self._outer = outer
        self._over: trio.Event | None = None
        self._savepoint: AbstractAsyncContextManager[Any] | None = None
        self.depth = outer.depth + 1
        if self.depth > MOST_NESTED:
            raise NestedTooDeep(_chain_of(self))

    @property
    def has_begun(self) -> bool:
        """Whether it, or what it is inside of, holds the store's writer."""
        return super().has_begun or self._outer.has_begun

    async def _begin(self) -> None:
        turn = await self._outer.turn()
        if self._ended:
            return
        self._over = self._outer.inner = trio.Event()
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
            raise self._rollback_only(self._cause) from self._cause
        if self.parts:
            refuse_others(self)
        self._ended = True
        await self._close(None)
        self._outer.stage(self.staged)
        for hook in self.hooks:
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
        self._outer.inner = None
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

    def check_writes(self) -> None:
        """Refuse: a query calls no command and event handlers."""
        raise ReadOnlyTransaction(f"{self.owner}: a query handler sends no commands and events")

    async def _begin(self) -> None:
        snapshot = await self.store.snapshot(self.owner)
        await snapshot.__aenter__()
        if self._ended:
            await snapshot.__aexit__(None, None, None)
        else:
            self._snapshot = snapshot


def _chain_of(unit: InnerUnitOfWork) -> str:
    """Say which handlers called each other, the innermost last."""
    owners = [unit.owner]
    outer: UnitOfWork = unit._outer  # noqa: SLF001  of this module
    while isinstance(outer, InnerUnitOfWork):
        owners.append(outer.owner)
        outer = outer._outer  # noqa: SLF001  of this module
    owners.append(outer.owner)
    last = " > ".join(reversed(owners[:4]))
    return (
        f"{unit.owner}: {MOST_NESTED} handlers call each other within {owners[-1]}, ... > {last};"
        " send through a channel what need not be done at once"
    )
