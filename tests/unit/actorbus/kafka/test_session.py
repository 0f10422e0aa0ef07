"""The session with a driver that fails in ways that nobody expects."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from actorbus import KafkaChannel
from actorbus.channels.kafka import _session
from actorbus.channels.kafka._session import Looked, Revoked, Session, Unanswered
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


class Partitioned(Consumer):
    """One that has a partition; whoever is in `silent` does not answer."""

    def __init__(self, *silent):
        super().__init__(None)
        self.silent = silent
        self.place = TopicPartition("orders", 0)

    def assignment(self):
        return {self.place}

    async def topics(self):
        return {"orders"}

    def partitions_for_topic(self, _topic):
        return {0}

    async def committed(self, place):
        return await self._answer("coordinator", 3)

    async def commit(self, offsets):
        return await self._answer("coordinator", None)

    async def end_offsets(self, places):
        return await self._answer("leader", dict.fromkeys(places, 7))

    async def position(self, place):
        return 5

    async def _answer(self, who, answer):
        if who in self.silent:
            await asyncio.sleep(3600)
        return answer


def looked(monkeypatch, *silent, assigned=True):
    """Return what a look finds where these do not answer."""
    monkeypatch.setattr(_session, "ANSWER_WITHIN", 0.01)
    session, _ = session_with(monkeypatch, None, [])
    consumer = Partitioned(*silent)
    if assigned:
        session.assigned([consumer.place])
    return asyncio.run(session.looked(consumer))


def test_a_look_finds_what_is_left(monkeypatch):
    assert looked(monkeypatch) == Looked(None, 2)


@pytest.mark.parametrize("assigned", [True, False])
def test_a_coordinator_that_is_away_is_trouble_though_the_leaders_answer(monkeypatch, assigned):
    """Nothing was told: its topic could be read, and commits waited for it without an end."""
    trouble, left = looked(monkeypatch, "coordinator", assigned=assigned)
    assert str(trouble) == "group 'shop.orders': its coordinator does not answer within 0.01 s"
    assert left is None


def test_a_leader_that_is_away_is_trouble_though_the_coordinator_answers(monkeypatch):
    trouble, left = looked(monkeypatch, "leader")
    assert str(trouble) == "topic 'orders': its brokers do not answer within 0.01 s"
    assert left is None


def test_a_commit_waits_for_a_coordinator_within_a_limit(monkeypatch):
    """So that what is done beside it goes on: messages that others handle are asked for again."""
    monkeypatch.setattr(_session, "ANSWER_WITHIN", 0.01)
    consumer = Partitioned("coordinator")
    monkeypatch.setattr(_session, "make_consumer", lambda *_: consumer)
    session = Session(KafkaChannel("orders", servers="a:1"), "shop.orders", lambda _: None)

    async def commit():
        running = asyncio.create_task(session.run())
        await asyncio.sleep(0)
        session.assigned([consumer.place])
        try:
            await session.commit({("orders", 0): 3})
        finally:
            running.cancel()

    with pytest.raises(Unanswered, match="its coordinator does not answer"):
        asyncio.run(asyncio.wait_for(commit(), 5))


def test_partitions_go_though_nobody_takes_what_is_to_be_committed(monkeypatch):
    """Their messages come again, to whoever has them then, and the inbox knows them."""
    monkeypatch.setattr(_session, "ANSWER_WITHIN", 0.01)
    told: list[Any] = []
    consumer = Partitioned("coordinator")
    session, _ = session_with(monkeypatch, None, told)
    session._consumer = consumer

    def tell(event):
        told.append(event)
        if isinstance(event, Revoked):
            event.answer({("orders", 0): 3})

    session._tell = tell

    async def revoke():
        session.assigned([consumer.place])
        await session.revoked([consumer.place])

    asyncio.run(asyncio.wait_for(revoke(), 5))
    assert "its coordinator does not answer" in str(told[-1].trouble)


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
