"""A bus whose store is in memory, whose clock is the run's: it can be read on one thread only."""

from actorbus import ActorBus, Transaction
from tests.integration.kafka.conftest import OrderPlaced


async def test_a_bus_in_memory_produces_and_consumes(broker, seen):
    bus = ActorBus("shop")
    bus.add_channel(broker.channel())

    @bus.event_handler(channel="orders")
    async def bill(event: OrderPlaced, tx: Transaction) -> None:
        seen.add(event.number)

    async with bus.running():
        await bus.events.publish(OrderPlaced(1))
        await seen.until(1)
    assert seen.numbers == [1]
