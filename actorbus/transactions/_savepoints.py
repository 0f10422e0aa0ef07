"""Savepoints that a handler asks for: which tasks are inside, and what is undone with them.

Rules:
 1. Inside are the task that opened it and those that it starts inside; context variables tell.
 2. While one is open, what another task of the handler wrote or sent would be undone with it, or
    kept against its will: that task is refused.
 3. What is undone: statements, messages and `after_commit` functions.
"""

from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import trio

from actorbus._errors import TransactionError

if TYPE_CHECKING:
    from actorbus.transactions._unit_of_work import UnitOfWork

current_part: ContextVar["Part | None"] = ContextVar("current_part", default=None)
"""The innermost savepoint that this task is in."""


class Part:
    """An open savepoint of a unit of work, and how much there was before it."""

    __slots__ = ("_hooks", "_savepoint", "_staged", "_unit_of_work", "enclosing")

    def __init__(self, unit_of_work: "UnitOfWork") -> None:
        self.enclosing = current_part.get()
        self._unit_of_work = unit_of_work
        self._staged = self._hooks = 0
        self._savepoint: AbstractAsyncContextManager[Any] | None = None

    async def begin(self) -> None:
        """Open the savepoint. Raises what `UnitOfWork.turn` does."""
        unit = self._unit_of_work
        savepoint = (await unit.turn()).savepoint()
        self._staged, self._hooks = len(unit.staged), len(unit.hooks)
        unit.parts.append(self)
        try:
            await savepoint.__aenter__()
        except BaseException:
            unit.parts.remove(self)
            raise
        self._savepoint = savepoint

    async def end(self, error: BaseException | None) -> None:
        """Keep the part, or undo it if there is an error."""
        savepoint, self._savepoint = self._savepoint, None
        if savepoint is None:
            return
        unit = self._unit_of_work
        if error is not None:
            del unit.staged[self._staged :]
            del unit.hooks[self._hooks :]
        with trio.CancelScope(shield=True):
            try:
                await undo_or_keep(savepoint, error)
            finally:
                unit.parts.remove(self)

    def belongs_to(self, unit_of_work: "UnitOfWork") -> bool:
        """Whether it is a savepoint of this unit."""
        return self._unit_of_work is unit_of_work


def refuse_others(unit_of_work: "UnitOfWork") -> None:
    """Raise TransactionError in a task that is not inside the unit's innermost savepoint."""
    part = current_part.get()
    while part is not None and not part.belongs_to(unit_of_work):
        part = part.enclosing
    if part is not unit_of_work.parts[-1]:
        raise TransactionError(
            f"{unit_of_work.owner}: another task of this handler has a savepoint open, which would"
            " undo or keep this too; leave the savepoint first, or start this task inside it"
        )


async def undo_or_keep(
    savepoint: AbstractAsyncContextManager[Any], error: BaseException | None
) -> None:
    """Leave a savepoint, by an error or well. The error itself is not raised again."""
    try:
        await savepoint.__aexit__(type(error) if error else None, error, None)
    except BaseException as raised:
        if raised is not error:
            raise
