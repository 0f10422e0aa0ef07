"""Waiting, at the start of a run, for a database server that is away.

Rules: (1) only an outage is waited for: what somebody has to mend, a wrong password or a schema,
ends the command; (2) so does an outage of a store that is a file; (3) it is tried again with a
backoff, and logged each time; (4) a signal ends the wait in order; (5) an outage later on is the
bus's affair.
"""

import logging
from collections.abc import Awaitable, Callable
from math import inf
from random import random
from typing import Final

import trio

from actorbus import ActorBus, Ending, RunResult
from actorbus._store import Connected, StoreRefused, StoreUnavailable
from actorbus.cli._errors import alone
from actorbus.cli._signals import StopRequest
from supervisors import Backoff

_BACKOFF: Final = Backoff(initial=0.5, maximum=15.0)
_log = logging.getLogger("actorbus")


class Patience:
    """How long the store may be away at the start: `seconds` in all, None for ever."""

    def __init__(self, bus: ActorBus, stop: StopRequest, seconds: float | None) -> None:
        self._stop = stop
        self._began = trio.current_time()
        self._limit = inf if seconds is None else seconds
        self._waits = _is_on_a_server(bus)
        self._failures = 0
        self._over = False

    def started(self) -> None:
        """Note that the store was there."""
        self._over = True

    async def run(self, run: Callable[[], Awaitable[RunResult]]) -> RunResult:
        """Call a function that runs the bus, again while the store is away before it has started.

        Raises what the run raises, the outage too when its time is over.
        """
        while True:
            try:
                return await run()
            except Exception as raised:
                error = alone(raised)
                pause = self._next_pause() if isinstance(error, StoreUnavailable) else None
                if pause is None:
                    raise
            _log.warning("%s; tried again in %.1f s", error, pause)
            with trio.move_on_after(pause):
                await self._stop.wait()
            if self._stop.name:
                waited = trio.current_time() - self._began
                return RunResult(Ending.SIGNAL, Ending.SIGNAL.value, waited, 0, 0, 0, ())

    def _next_pause(self) -> float | None:
        """Return for how long to wait now; None: no more."""
        left = self._began + self._limit - trio.current_time()
        if self._over or not self._waits or left <= 0:
            return None
        self._failures += 1
        return min(_BACKOFF.delay(self._failures, random()), left)


def _is_on_a_server(bus: ActorBus) -> bool:
    try:
        return isinstance(bus.tables(), Connected)
    except StoreRefused:  # it keeps no tables
        return False
