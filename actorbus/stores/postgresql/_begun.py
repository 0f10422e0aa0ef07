"""Connections that are in a new transaction already: its BEGIN went with the COMMIT before it.

A BEGIN alone holds nothing up: the server takes no snapshot and no transaction number before the
first statement. It does set the transaction's `now()`, so that nobody gets one that is much older
than `HOLD`: those that nobody wants by then are rolled back.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

HOLD: Final = 0.005
"""Seconds that a transaction may wait for whoever wants it."""
TOO_OLD: Final = 20 * HOLD
"""Seconds after which the server may have ended it: the loop has stood still."""
ENOUGH: Final = 3
"""Transactions, each begun within HOLD of the one before, that make another one likely."""


class Begun:
    """Which connections those are, and since when. `is_due` is called when one waited too long."""

    def __init__(self, is_due: Callable[[], object]) -> None:
        self._is_due = is_due
        self._since: dict[Any, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._quick = 0
        self._asked = 0.0

    def asked(self) -> None:
        """Note that somebody begins a transaction now."""
        now = asyncio.get_running_loop().time()
        self._quick = self._quick + 1 if now - self._asked < HOLD else 0
        self._asked = now

    @property
    def is_worthwhile(self) -> bool:
        """Whether somebody will likely begin another one soon."""
        now = asyncio.get_running_loop().time()
        return self._quick >= ENOUGH and now - self._asked < HOLD

    def add(self, connection: Any) -> None:
        """Note that a connection is in a new transaction."""
        loop = asyncio.get_running_loop()
        self._since[connection] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(HOLD, self._ring)

    def discard(self, connection: Any) -> bool:
        """Forget a connection; whether it was in a new transaction."""
        return self._since.pop(connection, None) is not None

    def is_too_old(self, connection: Any) -> bool:
        """Whether the server may have ended the transaction."""
        since = self._since.get(connection)
        return since is not None and asyncio.get_running_loop().time() - since > TOO_OLD

    def due(self) -> list[Any]:
        """Return those that have waited for HOLD."""
        limit = asyncio.get_running_loop().time() - HOLD
        return [connection for connection, since in self._since.items() if since <= limit]

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._is_due()
        if self._since:
            self._timer = asyncio.get_running_loop().call_later(HOLD, self._ring)
