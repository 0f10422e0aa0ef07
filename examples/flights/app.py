"""The bus of the example: three channels, and the handlers on them.

On the store the channels are keyed by carrier: each carrier is a tenant with actors of its own on
every channel. So a carrier whose messages fail has its own restarts, its own backoff and its own
dead letters, and touches no other. With a broker the channels are topics of Kafka's: what is sent
is stored in the sender's transaction, relayed, and handled from there by any of the workers.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from actorbus import (
    ActorBus,
    DynamicChannel,
    EventBus,
    KafkaChannel,
    PermanentError,
    Transaction,
    field,
)
from examples.flights.data import LATE_AFTER
from examples.flights.gateway import Away, PassengerGateway
from examples.flights.messages import (
    CarrierAccount,
    FlightDelayed,
    GetAccount,
    GetProgress,
    Progress,
    RecordDeparture,
    RepairGateway,
    SetTheScene,
)
from examples.flights.tables import ACCOUNT, PROGRESS, TABLES
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


async def get_progress(query: GetProgress, tx: Transaction) -> Progress:
    """Count the rows of every table."""
    (row,) = await tx.fetch(PROGRESS, query.late_after)
    return Progress(*row)


RETRY = Retry(attempts=4, initial=0.05, maximum=1.0)
BACKOFF = Backoff(initial=0.05, maximum=1.0)


@dataclass(frozen=True)
class Topics:
    """Where the channels are at a broker of Kafka's, and how soon a dead worker is noticed there.

    Each channel has a topic, and its workers a consumer group, of the same name.
    """

    servers: str
    prefix: str = "flights"
    session_timeout: float = 6.0

    def of(self, channel: str) -> str:
        """Return the topic of a channel."""
        return f"{self.prefix}.{channel}"


def channel(name: str, topics: Topics | None) -> DynamicChannel | KafkaChannel:
    """Return a channel: on the store, with a tenant for each carrier, or on a topic of Kafka's."""
    if topics is None:
        return DynamicChannel(name, tenant=field("carrier"), retry=RETRY, backoff=BACKOFF)
    return KafkaChannel(
        name,
        servers=topics.servers,
        topic=topics.of(name),
        group=topics.of(name),
        retry=RETRY,
        backoff=BACKOFF,
        concurrency=20,
        session_timeout=topics.session_timeout,
    )


def make_bus(
    store: str,
    gateway: Callable[[], PassengerGateway] = PassengerGateway,
    topics: Topics | None = None,
    lease: float = 3.0,
) -> ActorBus:
    """Return the bus of this example on a store, and a broker if there is one; nothing runs yet."""
    bus = ActorBus("flights", store=store, lease=lease)
    for name in CHANNELS:
        bus.add_channel(channel(name, topics))
    bus.provide(PassengerGateway, gateway, scope="app")
    bus.command_handler(channel=DEPARTURES)(record_departure)
    bus.event_handler(channel=STATISTICS)(update_statistics)
    bus.event_handler(channel=NOTIFICATIONS)(notify_passengers)
    bus.command_handler(set_the_scene)
    bus.command_handler(repair_gateway)
    bus.query_handler(get_account)
    bus.query_handler(get_progress)
    return bus


def topics_at(broker: str | None, prefix: str | None = None) -> Topics | None:
    """Return the example's topics at a broker, if there is one."""
    return None if broker is None else Topics(broker, prefix or "flights")


def gateway_away(seconds: float | None) -> Callable[[], PassengerGateway]:
    """Return what makes the gateway, which is away for so many seconds, once."""
    return PassengerGateway if not seconds else lambda: PassengerGateway(away=Away(seconds))


bus = make_bus(
    os.environ.get("FLIGHTS_STORE", "sqlite:///flights.db"),
    gateway=gateway_away(float(os.environ.get("FLIGHTS_GATEWAY_OUTAGE", "0"))),
    topics=topics_at(os.environ.get("FLIGHTS_BROKER"), os.environ.get("FLIGHTS_TOPICS")),
)
"""For the command line: `FLIGHTS_STORE=sqlite:///x.db actorbus run examples.flights.app:bus`.

`FLIGHTS_BROKER=host:port` puts its channels on Kafka, on topics `flights.departures` and so on;
`FLIGHTS_TOPICS=x` on `x.departures`.
"""
