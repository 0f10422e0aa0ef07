"""Small things that tests of a store need: copies, processes, listeners."""

from typing import Any

import trio

from actorbus._settlement import Failure
from actorbus._store import Claimed, Demand, Origin, Outgoing, ProcessInfo, StoreError

CHANNEL = "orders"
ENDPOINT = "shop.handlers.bill"


def outgoing(name: str, **changes: Any) -> Outgoing:
    """Return a copy of a message called `name`, with changes."""
    values: dict[str, Any] = {
        "copy_id": f"copy-{name}",
        "channel": CHANNEL,
        "endpoint": ENDPOINT,
        "message_id": name,
        "type_name": "shop.OrderPlaced",
        "content_type": "application/msgpack",
        "headers": "{}",
        "body": name.encode(),
        "correlation_id": name,
        "timestamp": 1_600_000_000.0,
    }
    return Outgoing(**(values | changes))


def process(name: str = "first", lease: float = 10.0, largest_body: int = 1_000_000) -> ProcessInfo:
    """Return a process called `name`."""
    return ProcessInfo(
        process_id=name, bus="shop", host="here", pid=1, lease=lease, largest_body=largest_body
    )


def demand(credit: int = 100, tenant: str | None = "", *endpoints: str) -> Demand:
    """Return a demand on the sample channel."""
    return Demand(CHANNEL, endpoints or (ENDPOINT,), tenant, credit)


def failure(attempt: int = 1, message: str = "no such customer") -> Failure:
    """Return a failed attempt."""
    return Failure("shop.BillingError", message, "Traceback ...", 1_600_000_000.0, attempt)


def names(claimed: list[Claimed]) -> list[str]:
    """Return the names of claimed messages, in order."""
    return [message.message_id for message in claimed]


class Listener:
    """A commit listener that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[StoreError | None] = []
        self._event = trio.Event()

    def committed(self) -> None:
        """Note it."""
        self.told.append(None)
        self._event.set()

    def lost(self, error: StoreError) -> None:
        """Note it."""
        self.told.append(error)
        self._event.set()

    async def wait(self) -> None:
        """Return when it was told; raise what it was lost with."""
        with trio.fail_after(10):
            await self._event.wait()
        if self.told[0] is not None:
            raise self.told[0]


def from_broker(name: str, offset: int = 0, partition: int = 0, **changes: Any) -> Claimed:
    """Return a message called `name` that came from a broker, with changes."""
    values: dict[str, Any] = {
        "sequence": 0,
        "epoch": 0,
        "attempts": 0,
        "suspect": False,
        "replays": 0,
        "priority": 0,
        "due_at": 1_600_000_000.0,
        "expires_at": None,
        "enqueued_at": 1_600_000_000.0,
        "copy_id": f"copy-{name}",
        "channel": CHANNEL,
        "endpoint": ENDPOINT,
        "tenant": "",
        "message_id": name,
        "type_name": "shop.OrderPlaced",
        "content_type": "application/msgpack",
        "correlation_id": name,
        "causation_id": None,
        "timestamp": 1_600_000_000.0,
        "deduplication_key": None,
        "on_failure": None,
        "headers": "{}",
        "body": name.encode(),
        "origin": Origin("orders", partition, offset),
    }
    return Claimed(**(values | changes))
