"""Queries: answered at once, or through a channel by whoever consumes it; with a limit in time."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    BusinessInterface,
    Headers,
    LateReply,
    NoHandler,
    PermanentError,
    QueryBus,
    QueryFailed,
    QueryRejected,
    QueryTimeout,
    Retry,
    Transaction,
    TransactionError,
    query,
)
from actors.testing import EventRecorder


@dataclass(frozen=True)
class GetOrder:
    number: int


@dataclass(frozen=True)
class Order:
    number: int
    state: str = "open"


@dataclass(frozen=True)
class Place:
    number: int


class AsyncQueryBus(QueryBus, channel="questions", timeout=5):
    pass


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def shop(store):
    """Return a bus with a query on a channel; its handler sees `headers` and may fail."""
    bus = ActorBus("shop", store)
    bus.add_channel("questions")
    return bus


def answering(bus, *errors, **options):
    """Declare a handler which raises `errors` first, and return the headers it saw."""
    seen, left = [], list(errors)

    @bus.query_handler(channel="questions", endpoint_id="shop.order", **options)
    async def order(question: GetOrder, tx: Transaction) -> Order:
        seen.append(question.number)
        await tx.fetch("SELECT 1")
        if left:
            raise left.pop(0)
        return Order(question.number)

    return seen


async def test_a_query_on_a_channel_is_answered_with_what_its_handler_returns(shop):
    seen = answering(shop)

    async with shop.running():
        assert await shop.queries.ask(GetOrder(7)) == Order(7)
        await shop.idle()
        left = await shop.store.statistics()

    assert seen == [7]
    assert not any(queue.ready + queue.claimed + queue.dead for queue in left)


async def test_a_gateway_asks_synchronous_handlers_through_its_channel(shop):
    headers = []

    @shop.query_handler
    def order(question: GetOrder) -> Order:
        headers.append(question.number)
        return Order(question.number, "seen")

    gateway = shop.gateway(AsyncQueryBus)
    async with shop.running(consume="none"):
        with pytest.raises(QueryTimeout):
            await gateway.ask(GetOrder(1), timeout=0.05)
        assert await shop.queries.ask(GetOrder(2)) == Order(2, "seen")
        assert headers == [2]

    async with shop.running():
        assert await gateway.ask(GetOrder(3)) == Order(3, "seen")


async def test_a_query_takes_both_hops(store):
    bus = ActorBus("shop", store)
    bus.add_channel("questions")
    bus.add_channel("own")

    @bus.query_handler(channel="own")
    async def order(question: GetOrder) -> Order:
        return Order(question.number)

    gateway = bus.gateway(AsyncQueryBus)
    async with bus.running():
        assert await gateway.ask(GetOrder(1)) == Order(1)


async def test_a_business_interface_asks_through_a_channel(shop):
    answering(shop)

    class Orders(BusinessInterface, Protocol):
        @query(GetOrder, channel="questions")
        async def order(self, number: int) -> Order: ...

    orders = shop.gateway(Orders)
    async with shop.running():
        assert await orders.order(3) == Order(3)


async def test_headers_and_ids_arrive_without_the_way_back(shop):
    seen = []

    @shop.query_handler("orders.get", channel="questions")
    async def order(question: dict[str, int], headers: Headers) -> dict[str, Any]:
        seen.append((dict(headers), headers.attempt))
        return {"got": question}

    async with shop.running():
        answer = await shop.queries.ask(
            {"number": 1}, routing_key="orders.get", headers={"tenant": "acme"}
        )

    assert answer == {"got": {"number": 1}}
    assert seen == [({"tenant": "acme"}, 1)]


async def test_an_answer_that_comes_too_late_is_dropped_and_counted(shop):
    begun, go_on = trio.Event(), trio.Event()

    @shop.query_handler(channel="questions")
    async def order(question: GetOrder) -> Order:
        begun.set()
        await go_on.wait()
        return Order(question.number)

    async with shop.running():
        events = EventRecorder(shop.system)
        with pytest.raises(QueryTimeout, match=r"order did not answer .*GetOrder .* within 0.5 s"):
            await shop.queries.ask(GetOrder(1), timeout=timedelta(seconds=0.5))
        assert begun.is_set()
        assert shop.counters.late_replies == 0
        go_on.set()
        await events.wait_for(LateReply)
        assert shop.counters.late_replies == 1


async def test_a_query_that_waited_too_long_is_never_run(shop):
    seen = answering(shop)

    async with shop.running(consume="none"):
        with pytest.raises(QueryTimeout):
            await shop.queries.ask(GetOrder(1), timeout=0.01)
    async with shop.running():
        await shop.idle()
        assert await shop.queries.ask(GetOrder(2)) == Order(2)

    assert seen == [2]


async def test_an_asker_that_is_cancelled_waits_no_more(shop):
    begun, go_on = trio.Event(), trio.Event()

    @shop.query_handler(channel="questions")
    async def order(question: GetOrder) -> Order:
        begun.set()
        await go_on.wait()
        return Order(question.number)

    async with shop.running():
        events = EventRecorder(shop.system)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shop.queries.ask, GetOrder(1))
            await begun.wait()
            nursery.cancel_scope.cancel()
        go_on.set()
        await events.wait_for(LateReply)
        assert shop.counters.late_replies == 1


async def test_a_failure_is_the_askers(shop):
    """At once, with its type and words; it is no dead letter, and it is told as an event."""
    answering(shop, ValueError("no such order"))

    async with shop.running():
        events = EventRecorder(shop.system)
        with pytest.raises(QueryFailed, match="ValueError: no such order") as caught:
            await shop.queries.ask(GetOrder(1))
        rejected = await events.wait_for(QueryRejected)
        assert await shop.dead_letters.list() == []

    told = caught.value
    assert (told.endpoint, told.exception, told.text) == (
        "shop.order",
        "ValueError",
        "no such order",
    )
    assert isinstance(rejected.exception, ValueError)


async def test_a_handlers_own_retry_comes_before_its_failure(shop):
    errors = [ValueError("1"), ValueError("2")]
    seen = answering(shop, *errors, retry=Retry(attempts=3, initial=0.01, jitter=0))

    async with shop.running():
        assert await shop.queries.ask(GetOrder(4)) == Order(4)

    assert seen == [4, 4, 4]


async def test_a_permanent_error_is_not_retried(shop):
    seen = answering(shop, PermanentError("never"), retry=Retry(attempts=3, initial=0.01))

    async with shop.running():
        with pytest.raises(QueryFailed, match="never"):
            await shop.queries.ask(GetOrder(4))

    assert seen == [4]


async def test_an_outage_is_nobodys_answer(shop):
    """The query waits for the dependency as long as its asker waits for the answer."""
    seen = answering(shop, ConnectionError("down"), ConnectionError("down"))

    async with shop.running():
        assert await shop.queries.ask(GetOrder(4)) == Order(4)

    assert seen == [4, 4, 4]


async def test_an_answer_that_cannot_be_written_says_so(shop):
    @shop.query_handler("odd", channel="questions")
    async def odd(question: dict[str, int]):
        return object()

    async with shop.running():
        with pytest.raises(QueryFailed, match="object cannot be written"):
            await shop.queries.ask({}, routing_key="odd")


async def test_who_has_begun_to_write_cannot_wait_for_others(shop):
    answering(shop)

    @shop.command_handler
    async def place(command: Place, queries: QueryBus, tx: Transaction) -> Any:
        before = await queries.ask(GetOrder(command.number))
        await tx.execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER)")
        with pytest.raises(TransactionError, match="after its transaction has begun"):
            await queries.ask(GetOrder(command.number))
        return before.state

    async with shop.running():
        assert await shop.commands.send(Place(1)) == "open"


async def test_a_query_without_a_channel_has_a_time_limit_too(shop):
    @shop.query_handler
    async def order(question: GetOrder) -> Order:
        await trio.sleep_forever()
        raise AssertionError

    async with shop.running():
        with pytest.raises(QueryTimeout, match=r"within 0.05 s"):
            await shop.queries.ask(GetOrder(1), timeout=0.05)


async def test_no_handler_or_two_are_named(shop):
    """One that nothing handles is refused when it is asked, two handlers before the start."""

    @shop.message
    @dataclass(frozen=True)
    class Unhandled:
        pass

    async with shop.running():
        with pytest.raises(NoHandler, match="Unhandled"):
            await shop.queries.ask(Unhandled())

    @shop.query_handler
    def one(question: GetOrder): ...

    @shop.query_handler(channel="questions")
    def two(question: GetOrder): ...

    with pytest.raises(BusConfigurationError, match=r"two handlers of the query .*GetOrder.*\.one"):
        shop.check()


async def test_what_no_channel_can_carry_is_refused_at_the_start(shop):
    @shop.query_handler(channel="questions")
    async def order(question: GetOrder) -> trio.Event:
        raise NotImplementedError

    class Hasty(QueryBus, channel="nowhere", timeout=0):
        pass

    class Delayed(QueryBus, channel="questions", delay=5):
        pass

    shop.gateway(Hasty)
    shop.gateway(Delayed)
    with pytest.raises(BusConfigurationError) as caught:
        shop.check()

    report = str(caught.value)
    assert "its answer cannot come through a channel" in report
    assert "Hasty: no channel 'nowhere'" in report
    assert "Hasty: timeout=0 is not allowed" in report
    assert "Delayed: delay= is not for queries" in report


async def test_another_process_answers(tmp_path):
    """Each bus stands for a process: one asks and consumes nothing, the other answers."""
    asking, other = (ActorBus("shop", f"sqlite:///{tmp_path}/shop.db") for _ in range(2))
    errors = [ValueError("closed")]
    for bus in (asking, other):
        bus.add_channel("questions")
        answering(bus, *errors)

    async with other.running(), asking.running(consume="none"):
        with pytest.raises(QueryFailed, match="closed"):
            await asking.queries.ask(GetOrder(1))
        assert await asking.queries.ask(GetOrder(2)) == Order(2)
        assert asking.counters.started == 0


async def test_a_late_answer_of_another_process_is_counted_too(tmp_path):
    asking, other = (ActorBus("shop", f"sqlite:///{tmp_path}/shop.db") for _ in range(2))
    begun, go_on = trio.Event(), trio.Event()
    for bus in (asking, other):
        bus.add_channel("questions")

        @bus.query_handler(channel="questions", endpoint_id="shop.order")
        async def order(question: GetOrder) -> Order:
            begun.set()
            await go_on.wait()
            return Order(question.number)

    async with other.running(), asking.running(consume="none"):
        events = EventRecorder(asking.system)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asking.queries.ask, GetOrder(1))
            await begun.wait()
            nursery.cancel_scope.cancel()
        go_on.set()
        await events.wait_for(LateReply)
        assert asking.counters.late_replies == 1


def test_a_thread_and_asyncio_ask_too(shop):
    answering(shop)
    with shop.running_in_thread():
        assert shop.queries.ask(GetOrder(1)).get() == Order(1)

    async def main():
        async with shop.running():
            return await asyncio.gather(*(shop.queries.ask(GetOrder(n)) for n in range(20)))

    assert asyncio.run(main()) == [Order(n) for n in range(20)]


def test_what_is_no_gateway_is_refused(shop):
    class Orders(BusinessInterface):
        @query(GetOrder, channel="questions")
        async def order(self, number: int): ...

    with pytest.raises(TypeError, match=r"Orders.* is neither a gateway nor a Protocol"):
        shop.gateway(Orders)
