"""A worker of a shop in two versions: the new one has a handler that the old one has not."""

import sys
from dataclasses import dataclass
from pathlib import Path

import trio

from actorbus import ActorBus, MessagesParked
from actorbus._store import ParkedFilter
from actorbus.running import _pace
from actors.events import Event

_pace.WATCH_EVERY = 0.1


@dataclass(frozen=True)
class OrderPlaced:
    number: int


def shop(store: str, version: str, done: Path) -> ActorBus:
    """Return the shop of a version; its handlers write down what they did."""
    bus = ActorBus("shop", store)
    bus.add_channel("mail")
    bus.message("shop.OrderPlaced")(OrderPlaced)

    def note(text: str) -> None:
        with done.open("a", encoding="utf-8") as file:
            file.write(f"{version} {text}\n")

    @bus.event_handler(channel="mail", endpoint_id="confirm")
    async def confirm(event: OrderPlaced) -> None:
        note(f"confirmed {event.number}")

    if version == "new":

        @bus.event_handler(channel="mail", endpoint_id="thank")
        async def thank(event: OrderPlaced) -> None:
            note(f"thanked {event.number}")

    return bus


def tell(event: Event) -> None:
    """Say how many messages were parked."""
    if isinstance(event, MessagesParked):
        print("parked", event.count, flush=True)


async def work(store: str, version: str, done: Path) -> None:
    """Work until the input ends; say when messages are parked."""
    bus = shop(store, version, done)
    async with bus.running():
        bus.system.events.subscribe(tell, MessagesParked)
        print("works", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)


async def parked(bus: ActorBus) -> int:
    """Return how many messages are held back in a bus's store."""
    return sum(one.count for one in await bus.store.parked(ParkedFilter()))


if __name__ == "__main__":
    trio.run(work, sys.argv[1], sys.argv[2], Path(sys.argv[3]))
