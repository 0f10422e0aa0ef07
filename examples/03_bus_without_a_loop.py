"""A program without any event loop, such as a Django view or a script: plain `def` all the way.

python -m examples.03_bus_without_a_loop
"""

import threading
from dataclasses import dataclass

from actorbus import ActorBus, EventBus, Transaction

bus = ActorBus("shop", store=":memory:")
bus.add_channel("stock")
reserved = threading.Event()


@dataclass(frozen=True)
class PlaceOrder:
    item: str
    count: int


@dataclass(frozen=True)
class OrderPlaced:
    item: str
    count: int


@dataclass(frozen=True)
class GetSold:
    item: str


@bus.command_handler
def place_order(command: PlaceOrder, events: EventBus, tx: Transaction) -> int:
    """Runs when the command is sent; raises to its sender, and then leaves nothing behind."""
    tx.execute("CREATE TABLE IF NOT EXISTS orders (item TEXT, count INTEGER)")
    order = tx.execute("INSERT INTO orders VALUES ($1, $2)", command.item, command.count).get()
    events.publish(OrderPlaced(command.item, command.count))
    if command.count > 100:
        raise ValueError("nobody buys that many")
    return order.lastrowid or 0


@bus.event_handler(channel="stock")
def reserve(event: OrderPlaced) -> None:
    """Runs later, on a worker thread: it may block."""
    print(f"reserved {event.count} of {event.item}")
    reserved.set()


@bus.query_handler
def sold(query: GetSold, tx: Transaction) -> int:
    row = tx.fetch_one("SELECT sum(count) FROM orders WHERE item = $1", query.item).get()
    return row[0] if row else 0


def main() -> None:
    with bus.running_in_thread():
        print(f"order {bus.commands.send(PlaceOrder('pen', 2)).get()}")
        try:
            bus.commands.send(PlaceOrder("pen", 101)).get()
        except ValueError as error:
            print(f"refused: {error}")
        print(f"sold {bus.queries.ask(GetSold('pen')).get()}")
        reserved.wait(timeout=10)


if __name__ == "__main__":
    main()
