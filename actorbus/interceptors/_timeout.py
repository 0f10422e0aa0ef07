"""A time limit for many handlers at once."""

from datetime import timedelta
from typing import Any

import trio

from actorbus._errors import HandlerTimeout
from actorbus.interceptors._passage import Invocation
from actorbus.options._options import as_seconds


class Timeout:
    """Ends a handler that runs too long: `bus.intercept(Timeout(5), "command")`.

    Raises HandlerTimeout after `seconds`, which is the message's failure. An async handler is
    cancelled; a plain one is given up, and its transaction is closed to it. A handler's own
    `timeout=` holds beside it: the shorter one acts.
    """

    runs_on = "trio"

    def __init__(self, seconds: float | timedelta) -> None:
        limit = as_seconds(seconds)
        if limit is None or limit <= 0:
            raise ValueError(f"Timeout({seconds!r}): give seconds, more than 0")
        self._limit = limit

    def __repr__(self) -> str:
        return f"Timeout({self._limit:g})"

    async def around(self, invocation: Invocation) -> Any:
        """Call the handler within the limit."""
        with trio.move_on_after(self._limit):
            return await invocation.proceed()
        raise HandlerTimeout(f"{invocation.handler.endpoint_id} ran longer than {self._limit:g} s")
