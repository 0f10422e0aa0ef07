"""Who is told what became of a commit."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from actorbus._store import CommitListener, StaleClaim, StoreUnavailable

Hook = Callable[[], Any]
"""A function that waits for a commit."""


class RunHooks:
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

    def lost(self, error: "StoreUnavailable | StaleClaim") -> None:
        """Drop the functions: what they wait for did not happen."""
        self._next.lost(error)


class Outcome:
    """A commit listener for somebody who waits."""

    __slots__ = ("_error", "_over", "_waiter")

    def __init__(self) -> None:
        self._over = False
        self._waiter: trio.Event | None = None
        self._error: BaseException | None = None

    def committed(self) -> None:
        """Wake the waiter."""
        self._over = True
        if self._waiter is not None:
            self._waiter.set()

    def lost(self, error: "StoreUnavailable | StaleClaim") -> None:
        """Wake the waiter with an error."""
        self._error = error
        self.committed()

    async def wait(self) -> None:
        """Return when it is committed. Raises what it was lost with."""
        if self._over:
            await trio.lowlevel.checkpoint()
        else:
            self._waiter = trio.Event()
            await self._waiter.wait()
        if self._error is not None:
            raise self._error
