"""The service "departures": it records departures, and tells other services about them."""

import os

from actorbus import ActorBus, DistributedBus, Retry, ServiceMap, Transaction
from examples.distributed.rows import VERY_LATE_AFTER, RecordDeparture, how_it_left

STORE = os.environ.get("DISTRIBUTED_STORE", "sqlite:///distributed.db")

bus = ActorBus("departures", store=STORE, lease=2.0)
bus.add_channel("recording", retry=Retry(attempts=5, initial=0.1))
bus.add_inbox("departures-inbox", retry=Retry(attempts=5, initial=0.1))
bus.add_channel("notifications-inbox")
bus.add_service_map(
    ServiceMap(
        {"notifications": "notifications-inbox"},
        subscriptions={"notifications": ["departures.*.delayed", "departures.*.cancelled"]},
    )
)

TABLES = (
    "CREATE TABLE IF NOT EXISTS departures (flight TEXT, origin TEXT, delay INTEGER)",
    "CREATE TABLE IF NOT EXISTS confirmed (flight TEXT)",
)


@bus.command_handler(channel="recording")
async def record(row: RecordDeparture, services: DistributedBus, tx: Transaction) -> None:
    """Write the row down, and send what follows from it: both are stored, or neither is."""
    await tx.execute(TABLES[0])
    sql = "INSERT INTO departures VALUES ($1, $2, $3)"
    await tx.execute(sql, row.flight, row.origin, row.delay)
    what = how_it_left(row.delay)
    body = {"flight": row.flight, "delay": row.delay}
    await services.publish_event(f"departures.{row.origin}.{what}", body)
    if row.delay is not None and row.delay > VERY_LATE_AFTER:
        await services.send_command("notifications", "notifications.apologise", body)


@bus.event_handler("notifications.sent", distributed=True)
async def confirm(event: dict[str, str], tx: Transaction) -> None:
    """Note what the other service says that it has sent."""
    await tx.execute(TABLES[1])
    await tx.execute("INSERT INTO confirmed VALUES ($1)", event["flight"])
