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

    __slots__ = ("_done", "_error")

    def __init__(self) -> None:
        self._done = trio.Event()
        self._error: BaseException | None = None

    def committed(self) -> None:
        """Wake the waiter."""
        self._done.set()

    def lost(self, error: "StoreUnavailable | StaleClaim") -> None:
        """Wake the waiter with an error."""
        self._error = error
        self._done.set()

    async def wait(self) -> None:
        """Return when it is committed. Raises what it was lost with."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
