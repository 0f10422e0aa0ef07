"""The passenger gateway: stands for a service on the network, and fails as those do.

- It is *away* at times: with some flights the line of their carrier goes down for a moment. That is
  a ConnectionError, which the bus takes for an outage: the endpoint rests, and no message loses an
  attempt.
- It *refuses* every request of one carrier, until the operator repairs it. That is the answer to
  this message, an application error: it is retried, and at last becomes a dead letter.
"""

import zlib

import trio

from actorbus import Transaction
from examples.flights.messages import FlightDelayed


class RequestRefused(Exception):
    """The gateway's answer: it does not take this carrier's requests."""


class PassengerGateway:
    """A client of the gateway; `outages` is the share of flights with which one begins.

    An outage lasts for `seconds`, for all requests of the carrier.
    """

    def __init__(self, outages: float = 1 / 300, seconds: float = 0.2) -> None:
        self._outages = outages
        self._seconds = seconds
        self._begun: set[str] = set()
        self._down_until: dict[str, float] = {}

    async def tell_passengers(self, event: FlightDelayed, tx: Transaction) -> None:
        """Raise ConnectionError while the line is down, RequestRefused for the refused carrier."""
        self._connect(event)
        refused = "SELECT 1 FROM gateway_refusals WHERE carrier = $1 AND repaired = 0"
        if await tx.fetch_one(refused, event.carrier):
            raise RequestRefused(f"no requests of {event.carrier} until further notice")

    def _connect(self, event: FlightDelayed) -> None:
        if event.id not in self._begun and self._begins_outage(event):
            self._begun.add(event.id)
            self._down_until[event.carrier] = trio.current_time() + self._seconds
        if trio.current_time() < self._down_until.get(event.carrier, 0.0):
            raise ConnectionError(f"the line for {event.carrier} is down")

    def _begins_outage(self, event: FlightDelayed) -> bool:
        return zlib.crc32(event.id.encode()) < self._outages * 2**32
