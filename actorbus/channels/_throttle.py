"""Asks the program's own function before messages are taken.

Rules:
 1. One yes is good for one claim, and for `HOLDS` seconds at most.
 2. While one tenant is asked for, and after a no, the others are served.
 3. After a no it is not asked again before the time that was said, and no message is claimed.
 4. A function that fails, or takes too long, has said no; it is left alone longer each time.
"""

from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from math import inf, isfinite
from typing import Any

import trio

from actorbus._bus_events import ThrottleFailed
from actorbus.channels._bell import Bell
from actorbus.declaring._channel import Channel
from actorbus.endpoints._surroundings import Surroundings
from supervisors import Retry

HOLDS = 1.0
"""Seconds for which a yes holds."""

A_NO = 1.0
"""Seconds until it is asked again after False."""

MOST_ASKED = 64
"""How many tenants are asked for at once."""

AGAIN = Retry(attempts=2**31, initial=1.0, maximum=60.0)
"""How long a function that failed is left alone."""

StartSoon = Callable[..., None]


class Throttling:
    """What a channel's `throttle=` function has said lately, per tenant."""

    def __init__(self, bus: Surroundings, channel: Channel, bell: Bell, path: str) -> None:
        self._bus = bus
        self._channel = channel.name
        self._function: Any = channel.throttle
        self._bell = bell
        self._path = path
        self._start_soon: StartSoon = _nowhere
        self._allowed_until: dict[str, float] = {}
        self._refused_until: dict[str, float] = {}
        self._asking: set[str] = set()
        self._failures: dict[str, int] = {}
        self._ends: list[tuple[float, str]] = []

    def connect(self, start_soon: StartSoon) -> None:
        """Ask in tasks of a new instance of the intake; those of the last one have ended."""
        self._start_soon = start_soon
        self._asking.clear()

    def allows(self, tenant: str) -> bool:
        """Whether messages of a tenant may be claimed now. If that is not known, it is asked."""
        now = trio.current_time()
        if self._allowed_until.get(tenant, -inf) >= now:
            return True
        self._allowed_until.pop(tenant, None)
        if not self.refuses(tenant) and len(self._asking) < MOST_ASKED:
            self._refused_until.pop(tenant, None)
            self._asking.add(tenant)
            self._start_soon(self._ask, tenant)
        return False

    def refuses(self, tenant: str) -> bool:
        """Whether a tenant is being asked for, or has been refused and its time is not over."""
        return tenant in self._asking or self._refused_until.get(tenant, -inf) > trio.current_time()

    def used(self, tenant: str) -> None:
        """Note that messages were claimed."""
        self._allowed_until.pop(tenant, None)

    @property
    def pause(self) -> float:
        """Seconds until somebody may be asked for again; 0 if nobody waits for that."""
        now = trio.current_time()
        while self._ends and self._ends[0][0] <= now:
            end, tenant = heappop(self._ends)
            if self._refused_until.get(tenant) == end:
                del self._refused_until[tenant]
        return self._ends[0][0] - now if self._ends else 0.0

    async def _ask(self, tenant: str) -> None:
        try:
            answer = await self._bus.user_calls.call(self._function, tenant)
            delay = _delay(answer)
        except Exception as error:  # noqa: BLE001  told to whoever watches; asked again later
            delay = self._failed(tenant, error)
        else:
            self._failures.pop(tenant, None)
        self._asking.discard(tenant)
        now = trio.current_time()
        if delay > 0:
            self._refused_until[tenant] = now + delay
            heappush(self._ends, (now + delay, tenant))
        else:
            self._allowed_until[tenant] = now + HOLDS
        self._bell.ask()

    def _failed(self, tenant: str, error: Exception) -> float:
        failures = self._failures[tenant] = self._failures.get(tenant, 0) + 1
        delay = AGAIN.next_delay(failures, 0.5) or AGAIN.maximum
        now = trio.current_time()
        self._bus.publish(ThrottleFailed(self._path, now, self._channel, tenant, error, delay))
        return delay


def throttling_of(bus: Surroundings, channel: Channel, bell: Bell, path: str) -> Throttling | None:
    """Return what asks for a channel, None if nobody is to be asked."""
    return None if channel.throttle is None else Throttling(bus, channel, bell, path)


def _delay(answer: Any) -> float:
    """Return how long to wait after an answer. Raises TypeError for what is none."""
    if isinstance(answer, bool):
        return 0.0 if answer else A_NO
    if not isinstance(answer, int | float) or not isfinite(answer) or answer < 0:
        raise TypeError(f"throttle= gave {answer!r}; give True, False or seconds, 0 or more")
    return float(answer)


def _nowhere(_function: Callable[..., Awaitable[None]], *_arguments: object) -> None:
    """Start nothing: there is no intake yet."""
