"""A transaction that cannot commit says which part of it failed."""

from dataclasses import dataclass

import pytest

from actorbus import ActorBus, EventBus, RollbackOnly, SubscribersFailed


@dataclass(frozen=True)
class Place:
    number: int


@dataclass(frozen=True)
class Placed:
    number: int


async def test_a_call_that_nobody_awaited_is_named():
    bus = ActorBus("shop")

    @bus.command_handler
    async def place(command: Place, events: EventBus):
        events.publish(Placed(1))  # not awaited, on purpose

    async with bus.running():
        with pytest.raises(RollbackOnly, match=r"publish\(\) was never awaited"):
            await bus.commands.send(Place(1))


async def test_a_subscriber_that_failed_is_named_with_its_error():
    bus = ActorBus("shop")

    @bus.command_handler
    async def place(command: Place, events: EventBus):
        with pytest.raises(SubscribersFailed):
            await events.publish(Placed(1))

    @bus.event_handler(endpoint_id="reserve")
    async def reserve(event: Placed):
        raise ValueError("nothing left")

    async with bus.running():
        with pytest.raises(RollbackOnly, match=r"reserve.*nothing left"):
            await bus.commands.send(Place(1))
