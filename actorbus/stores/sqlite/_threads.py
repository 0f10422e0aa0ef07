"""Where blocking calls run: on a thread of the store's, or at once for a store in memory."""

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class Threads:
    """Runs blocking functions, at most `limit` at a time, so that they cannot hold up the run loop.

    A call that has begun is not cancelled: what it did to a connection must be known.
    """

    def __init__(self, limit: int, *, inline: bool) -> None:
        self._inline = inline
        self._limiter = trio.CapacityLimiter(limit)

    async def run(self, function: Callable[[], T]) -> T:
        """Return what the function returns."""
        if self._inline:
            return function()
        with trio.CancelScope(shield=True):
            return await trio.to_thread.run_sync(function, limiter=self._limiter)
        raise AssertionError("nobody cancels this scope")
