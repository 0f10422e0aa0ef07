"""The application that the tests of the command line run; each copies it to a folder of its own."""

import os
from dataclasses import dataclass

import trio

from actorbus import (
    ActorBus,
    DynamicChannel,
    EventBus,
    PermanentError,
    Retry,
    Transaction,
    header,
)

bus = ActorBus("shop", store="sqlite:///shop.db")
bus.add_channel("notifications", retry=Retry(attempts=2, initial=0.01))
bus.add_channel("slow")
bus.add_channel(DynamicChannel("imports", tenant=header("tenant")))


@dataclass(frozen=True)
class PlaceOrder:
    number: str


@dataclass(frozen=True)
class OrderPlaced:
    number: str


@dataclass(frozen=True)
class Import:
    rows: int


@dataclass(frozen=True)
class Dawdle:
    seconds: float


@dataclass(frozen=True)
class CountOrders:
    pass


@bus.command_handler
async def place_order(command: PlaceOrder, events: EventBus, tx: Transaction) -> str:
    await tx.execute("CREATE TABLE IF NOT EXISTS orders (number TEXT)")
    await tx.execute("INSERT INTO orders VALUES ($1)", command.number)
    await events.publish(OrderPlaced(command.number))
    return f"placed {command.number}"


class OutboxEventBus(EventBus, channel="slow", priority=2):
    pass


outbox = bus.gateway(OutboxEventBus)


@bus.query_handler
async def count_orders(query: CountOrders, tx: Transaction) -> int:
    [row] = await tx.fetch("SELECT count(*) FROM orders")
    return int(row[0])


@bus.event_handler(channel="notifications")
async def send_confirmation(event: OrderPlaced, tx: Transaction) -> None:
    if event.number.startswith("bad"):
        raise PermanentError(f"no such customer: {event.number}")
    if event.number.startswith("flaky") and not os.environ.get("REPAIRED"):
        raise ValueError("the mailer refuses")
    await tx.execute("CREATE TABLE IF NOT EXISTS confirmed (number TEXT)")
    await tx.execute("INSERT INTO confirmed VALUES ($1)", event.number)


@bus.command_handler(channel="imports")
async def import_rows(command: Import) -> None:
    pass


@bus.command_handler(channel="slow")
async def dawdle(command: Dawdle) -> None:
    print("dawdling", flush=True)
    await trio.sleep(command.seconds)
