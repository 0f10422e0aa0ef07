"""A channel's router takes messages as an actor does, from any thread."""

import asyncio
import logging
import threading
from dataclasses import dataclass

import pytest
import trio

from actorbus import (
    ActorBus,
    BusStateError,
    CommandBus,
    DynamicChannel,
    Letter,
    NoHandler,
    RoutedChannel,
    Sending,
    StoreUnavailable,
    UnknownTenant,
    field,
    header,
)
from actorbus.stores import open_store
from actors.events import DeadLetter
from tests.runtime.bus.delivery.jobs import Job


@dataclass(frozen=True)
class Order:
    number: int


def shop(store=":memory:", **options):
    """A bus with a dynamic and a plain channel, and what was handled on them."""
    bus, handled = ActorBus("shop", store, **options), []
    bus.add_channel(
        DynamicChannel("departures", tenant=field("tenant"), tenants={"a"}, unknown="error")
    )
    bus.add_channel("orders")

    @bus.event_handler(channel="departures", endpoint_id="depart")
    def depart(event: Job):
        handled.append(("departures", event.number))

    @bus.event_handler(channel="orders", endpoint_id="count")
    def count(event: Job):
        handled.append(("orders", event.number))

    @bus.command_handler(channel="orders", endpoint_id="order")
    def order(command: Order, commands: CommandBus):
        handled.append(("order", command.number))

    return bus, handled


async def test_told_from_trio(seed):
    bus, handled = shop(seed=seed)
    async with bus.running():
        ref = bus.channel_ref("departures")
        ref.tell(Job(1, "a"))
        receipt = await ref.ask(Job(2, "a"), block=False)
        await bus.idle()

    assert sorted(handled) == [("departures", 1), ("departures", 2)]
    assert len(receipt) == 32


def test_told_from_threads(seed, tmp_path):
    bus, handled = shop(f"sqlite:///{tmp_path / 'bus.db'}", seed=seed)
    with bus.running_in_thread():
        ref = bus.channel_ref("orders")
        threads = [threading.Thread(target=ref.tell, args=(Order(number),)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ref.ask(Order(8))
        bus.idle().get()

    assert sorted(handled) == [("order", number) for number in range(9)]


def test_told_from_asyncio(seed):
    async def main():
        bus, handled = shop(seed=seed)
        async with bus.running():
            ref = bus.channel_ref("departures")
            ref.tell(Job(1, "a"))
            await ref.ask(Job(2, "a"), block=False)
            with pytest.raises(UnknownTenant):
                await ref.ask(Job(3, "nobody"), block=False)
            await bus.idle()
        return handled

    assert sorted(asyncio.run(main())) == [("departures", 1), ("departures", 2)]


async def test_only_the_channels_own_handlers_get_it_with_the_options_of_a_letter(seed):
    bus, handled = shop(seed=seed)
    async with bus.running():
        await bus.channel_ref("orders").ask(
            Letter(Job(1, "a"), message_id="m", headers={"by": "hand"}), block=False
        )
        await bus.idle()

    assert handled == [("orders", 1)]


@pytest.mark.parametrize("message", [Order(1), "no message", Letter(Job(1, "a"), message_id="")])
async def test_what_is_wrong_is_told_to_who_asks(seed, message):
    bus, _ = shop(seed=seed)
    async with bus.running():
        with pytest.raises(Exception, match="no handler|plain data|message_id=") as caught:
            await bus.channel_ref("departures").ask(message, block=False)
        alive = bus.channel_ref("departures").is_alive()

    assert (alive, isinstance(caught.value, BusStateError)) == (True, False)


async def test_a_message_that_was_told_and_is_wrong_is_a_dead_letter_and_the_router_goes_on(
    seed, caplog
):
    bus, handled = shop(seed=seed)
    letters = []
    async with bus.running():
        bus.system.events.subscribe(letters.append, DeadLetter)
        ref = bus.channel_ref("departures")
        with caplog.at_level(logging.ERROR):
            ref.tell(Order(1))
            ref.tell(Job(2, "nobody"))
            await ref.ask(Job(3, "a"), block=False)
        restarts = [one.restarts for one in bus.system.tree().walk() if one.path == ref.path]
        await bus.idle()

    assert (handled, restarts) == ([("departures", 3)], [0])
    assert [letter.message for letter in letters] == [Order(1), Job(2, "nobody")]
    assert "no handler on channel 'departures' takes" in letters[0].reason


async def test_it_works_without_consuming_and_on_channels_that_lead_on(seed):
    bus, _ = shop(seed=seed)
    bus.add_channel(RoutedChannel("any", route=header("to"), to=["orders"]))

    @bus.event_handler(channel="any", endpoint_id="any")
    async def anything(event: Job):
        pass

    async with bus.running(consume="none"):
        letter = Letter(Job(1), headers={"to": "orders"})
        await bus.channel_ref("any").ask(letter, block=False)
        [queue] = await bus.store.statistics()

    assert (queue.channel, queue.endpoint, queue.ready) == ("orders", "any", 1)


async def test_it_waits_for_a_store_that_fails_for_a_while(autojump_clock, seed, monkeypatch):
    store = open_store(":memory:")
    bus, _ = shop(store, seed=seed)
    append, failures = store.append, [StoreUnavailable("full") for _ in range(5)]

    async def fail_at_first(copies):
        if failures:
            raise failures.pop()
        return await append(copies)

    monkeypatch.setattr(store, "append", fail_at_first)
    async with bus.running(consume="none"):
        bus.channel_ref("orders").tell(Order(1))
        await trio.sleep(10)
        queues = await bus.store.statistics()

    assert [queue.ready for queue in queues] == [1]


async def test_it_gives_up_on_a_store_that_stays_away(autojump_clock, seed, monkeypatch):
    store = open_store(":memory:")
    bus, _ = shop(store, seed=seed)
    letters = []

    async def fail(copies):
        raise StoreUnavailable("full")

    async with bus.running(consume="none"):
        bus.system.events.subscribe(letters.append, DeadLetter)
        with monkeypatch.context() as patch:
            patch.setattr(store, "append", fail)
            with pytest.raises(StoreUnavailable):
                await bus.channel_ref("orders").ask(Order(1), block=False)
            bus.channel_ref("orders").tell(Order(2))
            await trio.sleep(20)
        await bus.channel_ref("orders").ask(Order(3), block=False)
        [queue] = await bus.store.statistics()

    assert ([letter.message for letter in letters], queue.ready) == ([Order(2)], 1)


async def test_there_is_one_for_every_channel_while_the_bus_runs(seed):
    bus, _ = shop(seed=seed)
    async with bus.running():
        assert bus.channel_ref("orders").path == "shop/routers/orders"
        with pytest.raises(ValueError, match="no channel 'ordres'; did you mean 'orders'"):
            bus.channel_ref("ordres")
    with pytest.raises(BusStateError):
        bus.channel_ref("orders")


async def test_interceptors_see_what_is_sent_so(seed):
    bus, handled = shop(seed=seed)
    seen = []

    @bus.before_sending()
    async def note(sending: Sending):
        seen.append(sending.message)

    async with bus.running():
        await bus.channel_ref("orders").ask(Order(1), block=False)
        with pytest.raises(NoHandler):
            await bus.channel_ref("departures").ask(Order(2), block=False)
        await bus.idle()

    assert (handled, seen) == ([("order", 1)], [Order(1), Order(2)])
