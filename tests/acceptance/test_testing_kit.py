"""A bus in a plain test: time that passes on request, what was sent, handled, delayed and dead."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import trio

from actorbus import (
    ActorBus,
    Batch,
    BatchFailed,
    BusStateError,
    CommandBus,
    DistributedBus,
    EventBus,
    Headers,
    PermanentError,
    Retry,
    ServiceMap,
    Transaction,
)
from actorbus.testing import harness
from actorbus.testing.pytest_plugin import bus_harness as bus_harness

DAY = timedelta(days=1)
START = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class PlaceOrder:
    number: int


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@dataclass(frozen=True)
class GetCount:
    pass


@dataclass(frozen=True)
class Mail:
    number: int


class Outbox(DistributedBus, channel="outbox"): ...


class Mailer:
    """What sends mails; a test gives a list in its place."""

    def __init__(self):
        self.sent = []


bus = ActorBus("shop", "sqlite:///never-made.db", seed=1)
bus.add_channel("mails", retry=Retry(attempts=3, initial=10.0, jitter=0))
bus.add_channel("later")
bus.provide(Mailer)


@bus.command_handler
async def place_order(command: PlaceOrder, events: EventBus, tx: Transaction) -> int:
    await tx.execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER)")
    await tx.execute("INSERT INTO orders VALUES ($1)", command.number)
    await events.publish(OrderPlaced(command.number), headers={"by": "place_order"})
    if command.number < 0:
        raise ValueError(command.number)
    return command.number


@bus.event_handler(channel="mails")
def confirm(event: OrderPlaced, mailer: Mailer, headers: Headers) -> None:
    mailer.sent.append((event.number, headers["by"]))


@bus.event_handler(channel="later", delay=DAY)
async def remind(event: OrderPlaced, commands: CommandBus) -> None:
    await commands.send(Mail(event.number))


@bus.command_handler
async def mail(command: Mail) -> None:
    await trio.sleep(30.0)


@bus.query_handler
async def count(query: GetCount, tx: Transaction) -> int:
    row = await tx.fetch_one("SELECT count(*) FROM orders")
    return 0 if row is None else int(row[0])


@pytest.fixture
def mailer():
    return Mailer()


@pytest.fixture
def shop(bus_harness, mailer):
    return bus_harness(bus, services={Mailer: mailer})


def test_what_is_sent_is_handled_when_the_test_lets_it(shop, mailer):
    assert shop.send(PlaceOrder(7)) == 7
    shop.run_until_idle()

    assert mailer.sent == [(7, "place_order")]
    assert shop.ask(GetCount()) == 1
    (published,) = shop.assert_published(OrderPlaced)
    assert (published.message, published.headers) == (OrderPlaced(7), {"by": "place_order"})
    shop.assert_sent(PlaceOrder(7), times=1)
    (run,) = shop.assert_handled(confirm, times=1)
    assert (run.message, run.attempt, run.tenant) == (OrderPlaced(7), 1, "")


def test_a_day_takes_no_time(shop):
    shop.send(PlaceOrder(7))
    shop.run_until_idle()
    shop.assert_delayed(remind, by=DAY, times=1)
    (waiting,) = shop.waiting(OrderPlaced(7))
    assert (waiting.message, waiting.channel) == (OrderPlaced(7), "later")

    shop.run_for(DAY - timedelta(seconds=1))
    assert not shop.handled(remind)

    shop.run_for(timedelta(minutes=1))
    shop.assert_handled(remind)
    (run,) = shop.assert_handled(Mail(7))
    assert run.seconds == 30.0
    assert run.ended == shop.sent(Mail)[0].at
    shop.assert_nothing_left()


def test_time_runs_until_a_time(shop):
    start = shop.now
    shop.run_until(start + DAY)

    assert shop.now == start + DAY == START + DAY
    with pytest.raises(ValueError, match="give one with a time zone"):
        shop.run_until(START.replace(tzinfo=None))
    with pytest.raises(ValueError, match="not before 2025"):
        shop.run_until(start)


def test_a_delay_on_the_way_to_another_service_ends_in_time():
    """The poller has nothing to do for long, and is told of it all the same."""
    flights = ActorBus("flights", seed=1)
    flights.add_channel("outbox")
    flights.add_channel("orders-inbox")
    flights.add_service_map(ServiceMap({"orders": "orders-inbox"}))
    outbox = flights.gateway(Outbox)
    channels = []

    with harness(flights) as test:
        test.run_for(DAY)
        test.call(outbox.send_command, "orders", "orders.place", {"number": 1}, delay=5)
        for seconds in (4, 2):
            test.run_for(seconds)
            channels += [queue.channel for queue in test.call(flights.store.statistics)]

    assert channels == ["outbox", "orders-inbox"]


def test_a_handler_fails_as_often_as_the_test_wants(shop, mailer):
    shop.fail(confirm, times=2, error=KeyError("no address"))
    shop.publish(OrderPlaced(1), headers={"by": "hand"})
    shop.run_until_idle()
    shop.assert_failed(confirm, times=1)
    (waiting,) = [one for one in shop.waiting(confirm) if one.attempts]
    assert waiting.due - shop.now == timedelta(seconds=10)

    shop.run_for(60)

    assert mailer.sent == [(1, "hand")]
    outcomes = [(one.outcome, one.attempt, one.seconds) for one in shop.spans(confirm)]
    assert outcomes[1:] == [
        ("failed", 1, 0.0),
        ("waited", 2, pytest.approx(10.0, abs=0.1)),
        ("failed", 2, 0.0),
        ("waited", 3, pytest.approx(20.0, abs=0.1)),
        ("handled", 3, pytest.approx(0.0, abs=0.1)),
    ]


def test_what_failed_for_good_is_a_dead_letter(shop, mailer):
    shop.fail(confirm, times=1, error=PermanentError("no such customer"))
    receipt = shop.publish(OrderPlaced(1), headers={"by": "hand"})
    shop.run_until_idle()

    (letter,) = shop.assert_dead_lettered(confirm, reason="permanent error", times=1)
    shop.assert_dead_lettered(OrderPlaced(1))
    assert letter.exception_message == "no such customer"
    assert [one.outcome for one in shop.spans(receipt)] == ["waited", "failed", "dead letter"]

    shop.call(bus.dead_letters.replay, letter.copy_id)
    shop.run_until_idle()
    assert mailer.sent == [(1, "hand")]
    assert shop.dead_letters() == []


def test_what_was_rolled_back_was_never_sent(shop):
    with pytest.raises(ValueError, match="-1"):
        shop.send(PlaceOrder(-1))

    assert shop.sent() == []
    shop.assert_failed(place_order, times=1)
    shop.assert_published(OrderPlaced, times=0)


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (
            lambda shop: shop.assert_published(Mail),
            r"expected Mail published at least once, found 0; .*OrderPlaced\(number=7\)",
        ),
        (
            lambda shop: shop.assert_sent(PlaceOrder, times=2),
            r"expected PlaceOrder sent 2 times, found 1; .*command PlaceOrder\(number=7\)",
        ),
        (
            lambda shop: shop.assert_handled(remind),
            r"expected remind handled at least once, found 0; .*confirm handled, attempt 1",
        ),
        (
            lambda shop: shop.assert_delayed(remind, by=60),
            r"expected remind delayed until .*00:01:00.*, found 0; .*remind: OrderPlaced",
        ),
        (
            lambda shop: shop.assert_dead_lettered(confirm),
            r"expected confirm dead-lettered at least once, found 0; there was: nothing",
        ),
        (lambda shop: shop.assert_nothing_left(), r"expected nothing to be left; .*remind.*"),
    ],
)
def test_an_assertion_says_what_there_was_instead(shop, check, says):
    shop.send(PlaceOrder(7))
    shop.run_until_idle()

    with pytest.raises(AssertionError, match=f"(?s){says}"):
        check(shop)


def test_a_batch_is_noted_message_by_message(bus_harness):
    rows = ActorBus("rows")
    rows.add_channel("rows", retry=Retry(attempts=2, initial=1.0, jitter=0))

    @rows.event_handler(channel="rows", batch=Batch(10, wait=0.5))
    async def load(events: list[OrderPlaced]) -> None:
        wrong = {at: ValueError("odd") for at, one in enumerate(events) if one.number == 1}
        if wrong:
            raise BatchFailed(wrong)

    harness = bus_harness(rows)
    for number in range(3):
        harness.publish(OrderPlaced(number))
    harness.run_for(60)

    assert [one.message.number for one in harness.assert_handled(load, times=2)] == [0, 2]
    failed = harness.assert_failed(load, times=2)
    assert [(one.message.number, one.attempt, str(one.error)) for one in failed] == [
        (1, 1, "odd"),
        (1, 2, "odd"),
    ]
    harness.assert_dead_lettered(OrderPlaced(1), times=1)


def test_a_bus_that_never_comes_to_rest_is_told(shop):
    shop.fail(confirm, times=1_000_000, error=ConnectionError)
    shop.publish(OrderPlaced(1))

    with pytest.raises(AssertionError, match=r"(?s)not idle after 100 .*confirm: [01] ready"):
        shop.run_until_idle(within=100)


def test_an_unknown_handler_cannot_fail(shop):
    with pytest.raises(ValueError, match="no handler 'confrim' on bus 'shop'"):
        shop.fail("confrim")


def test_each_test_has_a_bus_of_its_own(shop):
    """Nothing of the other tests is there, nor of the bus's own store."""
    assert shop.sent() == shop.spans() == shop.dead_letters() == []
    assert bus.missing_store() is None


def test_the_bus_is_as_it_was_afterwards(mailer):
    with harness(bus, services={Mailer: mailer}) as shop:
        shop.publish(OrderPlaced(1), headers={"by": "x"})
        with pytest.raises(BusStateError, match="substitute its parts"), bus.substituted():
            pass

    assert bus.missing_store() is not None
    with harness(bus, consume="none") as shop:
        shop.publish(OrderPlaced(1), headers={"by": "x"})
        shop.run_until_idle()
        assert not shop.handled()
    assert len(bus._declared.interceptors.declared) == 0


def test_a_naive_start_is_refused():
    naive = START.replace(tzinfo=None)
    with pytest.raises(ValueError, match="has no time zone"), harness(bus, start=naive):
        pass


def test_an_async_function_is_called_where_async_handlers_run(bus_harness):
    """A view of FastAPI's, or a few steps of an operator's, in one function."""
    shop = bus_harness(bus, services={Mailer: Mailer()})
    shop.fail(confirm, times=3)
    shop.send(PlaceOrder(7))
    shop.run_for(60)

    async def mend(number: int) -> int:
        [letter] = await shop.bus.dead_letters.list()
        await shop.bus.dead_letters.edit(letter.copy_id, message={"number": number})
        return int(await shop.bus.dead_letters.replay(letter.copy_id))

    assert shop.call(mend, number=8) == 1
    shop.run_until_idle()
    shop.assert_handled(OrderPlaced(8))


def test_an_async_function_is_called_on_the_asyncio_loop_of_a_bus_that_runs_on_it():
    other = ActorBus("asyncio", runs_on="asyncio")

    async def view() -> str:
        await asyncio.sleep(0)
        return "answered"

    with harness(other) as started:
        assert started.call(view) == "answered"
