"""A message that expires while its handler waits for a thread or a process is not started."""

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

Invoke = Callable[..., Awaitable[Any]]


class TooLate(Exception):
    """The message expired before its handler was begun."""


_start_by: ContextVar[float | None] = ContextVar("actorbus_start_by", default=None)


def starting_within(seconds: float, invoke: Invoke) -> Invoke:
    """Return `invoke`, which raises TooLate where the handler cannot begin within `seconds`."""
    by = time.monotonic() + seconds

    async def invoke_in_time(*arguments: Any) -> Any:
        token = _start_by.set(by)
        try:
            return await invoke(*arguments)
        finally:
            _start_by.reset(token)

    return invoke_in_time


def in_time(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return what is to be called on another thread or in another process.

    What the handler calls in its turn has no limit: it is asked for once.
    """
    by = _start_by.get()
    if by is None:
        return call
    _start_by.set(None)
    return partial(begin, by, call)


def begin(by: float, call: Callable[[], Any]) -> Any:
    """Call it, unless it is too late. The clock is the machine's, the same in all processes."""
    if time.monotonic() >= by:
        raise TooLate
    return call()
