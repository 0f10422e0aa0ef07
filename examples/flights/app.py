"""The bus of the example: three channels keyed by carrier, and the handlers on them.

Each carrier is a tenant with actors of its own on every channel. So a carrier whose messages fail
has its own restarts, its own backoff and its own dead letters, and touches no other.
"""

import os
from collections.abc import Callable

from actorbus import ActorBus, DynamicChannel, EventBus, PermanentError, Transaction, field
from examples.flights.data import LATE_AFTER
from examples.flights.gateway import PassengerGateway
from examples.flights.messages import (
    CarrierAccount,
    FlightDelayed,
    GetAccount,
    RecordDeparture,
    RepairGateway,
    SetTheScene,
)
from examples.flights.tables import ACCOUNT, TABLES
from supervisors import Backoff, Retry

DEPARTURES, STATISTICS, NOTIFICATIONS = CHANNELS = ("departures", "statistics", "notifications")


class NeverDeparted(PermanentError):
    """A row without departure: no retry will make the flight leave."""


async def record_departure(row: RecordDeparture, events: EventBus, tx: Transaction) -> None:
    """Write the departure down, and tell about a late one, in one transaction."""
    if row.departed is None or row.delay is None:
        raise NeverDeparted(f"{row.id} was cancelled")
    await tx.execute(
        "INSERT INTO departures VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row.id,
        row.day,
        row.carrier,
        row.flight,
        row.origin,
        row.destination,
        row.scheduled,
        row.departed,
        row.delay,
    )
    if row.delay > LATE_AFTER:
        await events.publish(FlightDelayed(row.id, row.carrier, row.flight, row.delay))


async def update_statistics(event: FlightDelayed, tx: Transaction) -> None:
    """Count the late flight: an increment, and a row that shows this happened."""
    await tx.execute(
        "INSERT INTO late_flights VALUES ($1, 1, $2) ON CONFLICT (carrier) DO UPDATE"
        " SET late = late_flights.late + 1, minutes = late_flights.minutes + excluded.minutes",
        event.carrier,
        event.delay,
    )
    await tx.execute("INSERT INTO statistics_effects VALUES ($1, $2)", event.id, event.carrier)


async def notify_passengers(
    event: FlightDelayed, gateway: PassengerGateway, tx: Transaction
) -> None:
    """Ask the gateway to tell the passengers; a row shows that it took the request."""
    await gateway.tell_passengers(event, tx)
    text = f"{event.carrier} {event.flight} leaves {event.delay} minutes late"
    await tx.execute("INSERT INTO notifications VALUES ($1, $2, $3)", event.id, event.carrier, text)


async def set_the_scene(command: SetTheScene, tx: Transaction) -> None:
    """Make the tables; on a store that knows a refusal already, nothing is changed."""
    for table in TABLES:
        await tx.execute(table)
    if not await tx.fetch_one("SELECT 1 FROM gateway_refusals"):
        await tx.execute("INSERT INTO gateway_refusals VALUES ($1, 0)", command.refused)


async def repair_gateway(command: RepairGateway, tx: Transaction) -> None:
    """What a person would do at the gateway."""
    await tx.execute("UPDATE gateway_refusals SET repaired = 1 WHERE carrier = $1", command.carrier)


async def get_account(query: GetAccount, tx: Transaction) -> list[CarrierAccount]:
    """Count the rows of every table, by carrier."""
    rows = await tx.fetch(ACCOUNT, query.late_after)
    return [CarrierAccount(*row) for row in rows]


def make_bus(store: str, gateway: Callable[[], PassengerGateway] = PassengerGateway) -> ActorBus:
    """Return the bus of this example on a store; nothing runs yet."""
    bus = ActorBus("flights", store=store, lease=3.0)
    for name in CHANNELS:
        bus.add_channel(
            DynamicChannel(
                name,
                tenant=field("carrier"),
                retry=Retry(attempts=4, initial=0.05, maximum=1.0),
                backoff=Backoff(initial=0.05, maximum=1.0),
            )
        )
    bus.provide(PassengerGateway, gateway, scope="app")
    bus.command_handler(channel=DEPARTURES)(record_departure)
    bus.event_handler(channel=STATISTICS)(update_statistics)
    bus.event_handler(channel=NOTIFICATIONS)(notify_passengers)
    bus.command_handler(set_the_scene)
    bus.command_handler(repair_gateway)
    bus.query_handler(get_account)
    return bus


bus = make_bus(os.environ.get("FLIGHTS_STORE", "sqlite:///flights.db"))
"""For the command line: `FLIGHTS_STORE=sqlite:///x.db actorbus run examples.flights.app:bus`."""
