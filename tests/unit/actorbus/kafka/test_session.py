"""The session with a driver that fails in ways that nobody expects."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from aiokafka.errors import IllegalStateError

from actorbus import KafkaChannel
from actorbus.channels.kafka import _session
from actorbus.channels.kafka._session import Looked, Session
from actorbus.operations._watch import ProgressWatch


class Consumer:
    """As the driver's: it fetches nothing, and a look fails."""

    def __init__(self, error):
        self.error = error
        self.stopped = False

    async def start(self): ...
    def subscribe(self, *_, **__): ...
    def assignment(self):
        return set()

    def paused(self):
        return set()

    async def topics(self):
        raise self.error

    async def stop(self):
        self.stopped = True


def session_with(monkeypatch, error, told):
    consumer = Consumer(error)
    monkeypatch.setattr(_session, "make_consumer", lambda *_: consumer)
    channel = KafkaChannel("orders", servers="a:1")
    return Session(channel, "shop.orders", told.append), consumer


def test_an_error_of_a_look_that_nobody_expects_ends_the_session(monkeypatch):
    """It was lost, with the task that met it: nobody saw any more how the broker is."""
    session, consumer = session_with(monkeypatch, LookupError("no such thing"), [])
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(session.run(), 5))
    assert [str(error) for error in caught.value.exceptions] == ["no such thing"]
    assert consumer.stopped


def test_a_partition_that_goes_meanwhile_is_no_trouble(monkeypatch):
    session, consumer = session_with(monkeypatch, IllegalStateError("not assigned"), [])
    assert asyncio.run(session.looked(consumer)) == Looked(None, None)


def test_what_a_broker_has_now_and_then_is_told(monkeypatch):
    error = OSError("no route")
    session, consumer = session_with(monkeypatch, error, [])
    assert asyncio.run(session.looked(consumer)) == Looked(error, None)


@dataclass(eq=False)
class Desk:
    """The desk of a channel that has messages, and room for them."""

    channel: Any
    has_room = holds_ready = True
    claimed = 3

    def has_turn(self):
        return True


async def test_what_was_fetched_and_is_not_handed_out_restarts_the_claiming(autojump_clock):
    """Nothing of it lies in the store, so that nobody else would see that it waits."""
    told = []

    desk: Any = Desk(SimpleNamespace(name="orders"))

    class Store:
        async def statistics(self):
            return []

    class System(dict[str, Any]):
        name = "shop"

        def __missing__(self, path):
            return SimpleNamespace(tell=lambda message: told.append((path, message.seconds)))

    store: Any = Store()
    system: Any = System()
    watch = ProgressWatch(store, system, lambda: [desk])
    for _ in range(4):
        await watch.look()
        await trio.sleep(5)
    assert [path for path, _ in told] == ["shop/channels/orders/intake"]
