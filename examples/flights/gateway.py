"""The passenger gateway: stands for a service on the network, and fails as those do.

- It is *away* at times: with some flights the line of their carrier goes down for a moment. That is
  a ConnectionError, which the bus takes for an outage: the endpoint rests, and no message loses an
  attempt.
- It can be away as a whole, for a time that is asked for: `Away`.
- It *refuses* every request of one carrier, until the operator repairs it. That is the answer to
  this message, an application error: it is retried, and at last becomes a dead letter.
"""

import zlib
from collections import Counter
from dataclasses import dataclass
from math import inf

import trio

from actorbus import Transaction
from examples.flights.messages import FlightDelayed

HOLDS_FOR = 20
"""Requests of a carrier that are served at least between two outages of its line."""


class RequestRefused(Exception):
    """The gateway's answer: it does not take this carrier's requests."""


@dataclass(frozen=True, slots=True)
class Away:
    """The gateway cannot be reached at all, for `seconds`, from `after` seconds on.

    These are counted from its first request.
    """

    seconds: float
    after: float = 0.0


class PassengerGateway:
    """A client of the gateway; `outages` is the share of flights with which one begins.

    An outage lasts for `seconds`, for all requests of the carrier. Then the line holds for a while:
    a request that has been through an outage is not met by the next one. A request `takes` so many
    seconds. While the gateway is `away` each one fails at once, and so do those under way when it
    goes; `calls_while_away` counts those that came meanwhile, `served` has the times of the others.
    """

    def __init__(
        self,
        outages: float = 1 / 300,
        seconds: float = 0.2,
        *,
        away: Away | None = None,
        takes: float = 0.0,
    ) -> None:
        self.calls_while_away = 0
        self.served: list[float] = []
        self._away = away
        self._takes = takes
        self._first: float | None = None
        self._outages = outages
        self._seconds = seconds
        self._begun: set[str] = set()
        self._down_until: dict[str, float] = {}
        self._served = Counter[str]()

    async def tell_passengers(self, event: FlightDelayed, tx: Transaction) -> None:
        """Raise ConnectionError while the line is down, RequestRefused for the refused carrier."""
        await self._reach()
        self._connect(event)
        refused = "SELECT 1 FROM gateway_refusals WHERE carrier = $1 AND repaired = 0"
        if await tx.fetch_one(refused, event.carrier):
            raise RequestRefused(f"no requests of {event.carrier} until further notice")

    @property
    def away(self) -> tuple[float, float]:
        """From when to when it is away, by the run's clock; known from the first request on."""
        if self._away is None or self._first is None:
            return inf, inf
        goes = self._first + self._away.after
        return goes, goes + self._away.seconds

    async def _reach(self) -> None:
        """Take the time of a request, or fail while the gateway is away."""
        now = trio.current_time()
        self._first = now if self._first is None else self._first
        goes, returns = self.away
        if goes <= now < returns:
            self.calls_while_away += 1
            raise ConnectionError("the gateway is away")
        if self._takes:
            await trio.sleep_until(goes if now < goes < now + self._takes else now + self._takes)
        if now < goes < now + self._takes:
            raise ConnectionError("the gateway has just gone away")
        if self._away is not None:
            self.served.append(trio.current_time())

    def _connect(self, event: FlightDelayed) -> None:
        now = trio.current_time()
        if self._begins_outage(event):
            self._begun.add(event.id)
            self._down_until[event.carrier] = now + self._seconds
            self._served[event.carrier] = 0
        if now < self._down_until.get(event.carrier, 0.0):
            raise ConnectionError(f"the line for {event.carrier} is down")
        self._served[event.carrier] += 1

    def _begins_outage(self, event: FlightDelayed) -> bool:
        holds = event.carrier in self._down_until and self._served[event.carrier] < HOLDS_FOR
        if holds or event.id in self._begun:
            return False
        return zlib.crc32(event.id.encode()) < self._outages * 2**32
