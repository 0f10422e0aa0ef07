"""Two subscribers of one event: one is in trouble and restarts alone, the other never notices.

python -m examples.02_supervised_subscriber
"""

from dataclasses import dataclass

import trio

from actorbus import ActorBus
from actors.events import BackingOff, Event, Restarted
from supervisors import Backoff

bus = ActorBus("orders", store=":memory:")
bus.add_channel("mail", backoff=Backoff(initial=0.05, jitter=0))
bus.add_channel("stock")

calls = 0
done = {"mail": trio.Event(), "stock": trio.Event()}


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@bus.event_handler(channel="mail")
async def send_confirmation(event: OrderPlaced) -> None:
    """Its mail server is away at first: an outage, so the endpoint rests and probes again."""
    global calls  # noqa: PLW0603  # stands for a mail server
    calls += 1
    if calls <= 3:
        raise ConnectionError("the mail server is away")
    print(f"mail: order {event.number} confirmed")
    done["mail"].set()


@bus.event_handler(channel="stock")
async def reserve(event: OrderPlaced) -> None:
    print(f"stock: order {event.number} reserved")
    done["stock"].set()


def show(event: Event) -> None:
    match event:
        case BackingOff(path=path, delay=delay):
            print(f"  {path} rests for {delay:.2f} s")
        case Restarted(path=path, restarts=restarts):
            print(f"  {path} restarted, {restarts} times so far")
        case _:
            pass


async def main() -> None:
    async with bus.running():
        with bus.system.events.subscribe(show, BackingOff, Restarted):
            await bus.events.publish(OrderPlaced(7))
            for each in done.values():
                await each.wait()


if __name__ == "__main__":
    trio.run(main)
