"""A FastAPI application: a request stores an order and answers, handlers do the rest.

Confirmations are sent by the web process, invoices by a worker on the same file. This script sends
the requests itself; `uvicorn examples.04_in_fastapi:app` and `actorbus run
examples.04_in_fastapi:bus invoices` serve the same application.

    python -m examples.04_in_fastapi
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from actorbus import ActorBus, BusHealth, EventBus, Headers, PermanentError, Retry, Transaction

# Handlers and services use asyncio here. A worker runs on trio unless the bus says otherwise.
bus = ActorBus("shop", store="sqlite:///shop.db", runs_on="asyncio")
bus.add_channel("mail", retry=Retry(attempts=5, initial=0.1))
bus.add_channel("invoices", concurrency=2)
confirmed = asyncio.Event()


@dataclass(frozen=True)
class PlaceOrder:
    number: str
    quantity: int


@dataclass(frozen=True)
class OrderPlaced:
    number: str
    quantity: int


@dataclass(frozen=True)
class CountOrders:
    pass


class Mailer:
    async def send(self, text: str) -> None:
        await asyncio.sleep(0)
        print(f"mail: {text}")


@asynccontextmanager
async def open_mailer() -> AsyncIterator[Mailer]:
    """Runs once per process, as a connection pool would."""
    yield Mailer()


bus.provide(Mailer, open_mailer)


@bus.command_handler
async def place_order(command: PlaceOrder, events: EventBus, tx: Transaction) -> str:
    await tx.execute("CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, quantity INT)")
    await tx.execute("INSERT INTO orders VALUES ($1, $2)", command.number, command.quantity)
    await events.publish(OrderPlaced(command.number, command.quantity))
    return command.number


@bus.query_handler
async def count_orders(query: CountOrders, tx: Transaction) -> int:
    row = await tx.fetch_one("SELECT count(*) FROM orders")
    return int(row[0]) if row else 0


@bus.event_handler(channel="mail")
async def confirm(event: OrderPlaced, mailer: Mailer, headers: Headers) -> None:
    if headers.attempt == 1:
        raise OSError("the mail server hung up")  # retried, 0.1 seconds later
    await mailer.send(f"order {event.number} is confirmed, at attempt {headers.attempt}")
    confirmed.set()


@bus.event_handler(channel="invoices")
async def write_invoice(event: OrderPlaced) -> None:
    if event.quantity == 0:
        raise PermanentError("nothing to pay for")  # not retried: a dead letter
    print("invoice for", event.number, file=sys.stderr)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with bus.running(consume=["mail"]):
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{number}", status_code=202)
async def post_order(number: str, quantity: int = 1) -> dict[str, str]:
    return {"number": await bus.commands.send(PlaceOrder(number, quantity))}


@app.get("/orders/count")
async def get_count() -> dict[str, int]:
    return {"orders": await bus.queries.ask(CountOrders())}


@app.get("/health")
async def get_health() -> BusHealth:
    return await bus.health()


async def visit() -> None:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),  # what a server does around the requests
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        print((await client.post("/orders/A-1", params={"quantity": 2})).json())
        await asyncio.wait_for(confirmed.wait(), timeout=10)
        print((await client.post("/orders/A-2", params={"quantity": 0})).json())
        print((await client.get("/orders/count")).json())
        print((await client.get("/health")).json()["condition"])


def actorbus(command: str, *arguments: str) -> Any:
    """Run the command line on this module's bus, as from a shell, and return its JSON."""
    root = Path(__file__).parents[1]
    app_name = f"examples.{Path(__file__).stem}:bus"
    done = subprocess.run(  # noqa: S603  # arguments of our own
        [sys.executable, "-m", "actorbus", *command.split(), app_name, *arguments, "--json"],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    return json.loads(done.stdout)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        asyncio.run(visit())
        print("worker: handled", actorbus("run", "invoices", "--once")["handled"])
        for letter in actorbus("deadletter list")["dead_letters"]:
            shown = actorbus("deadletter show", letter["copy_id"])
            print("dead letter:", shown["body"]["number"], shown["exception_message"])


if __name__ == "__main__":
    main()
