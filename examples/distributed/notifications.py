"""The service "notifications": it writes to passengers, and says so."""

import os
from typing import TypedDict

from actorbus import ActorBus, DistributedBus, Headers, Retry, ServiceMap, Transaction

STORE = os.environ.get("DISTRIBUTED_STORE", "sqlite:///distributed.db")

bus = ActorBus("notifications", store=STORE, lease=2.0)
bus.add_inbox("notifications-inbox", retry=Retry(attempts=5, initial=0.1))
bus.add_channel("letters", retry=Retry(attempts=5, initial=0.1))
bus.add_channel("departures-inbox")
bus.add_service_map(
    ServiceMap(
        {"departures": "departures-inbox"}, subscriptions={"departures": ["notifications.#"]}
    )
)

LETTERS = "CREATE TABLE IF NOT EXISTS letters (flight TEXT, kind TEXT, asked_by TEXT)"
INSERT = "INSERT INTO letters VALUES ($1, $2, $3)"


class Flight(TypedDict):
    """What this service reads of a flight, whoever sends it."""

    flight: str
    delay: int | None


@bus.event_handler("departures.#", distributed=True, channel="letters")
async def notify(
    event: Flight, headers: Headers, services: DistributedBus, tx: Transaction
) -> None:
    """Write to the passengers; the other service hears of it when it is committed."""
    kind = headers.type_name.rpartition(".")[2]
    await tx.execute(LETTERS)
    await tx.execute(INSERT, event["flight"], kind, headers["actorbus-source"])
    await services.publish_event("notifications.sent", {"flight": event["flight"]})


@bus.command_handler("notifications.apologise", distributed=True)
async def apologise(command: Flight, headers: Headers, tx: Transaction) -> None:
    """Apologise for a long delay."""
    await tx.execute(LETTERS)
    await tx.execute(INSERT, command["flight"], "apology", headers["actorbus-source"])
