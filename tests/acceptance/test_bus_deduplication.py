"""The same message twice: one call per handler, one effect, and nothing that blocks a retry."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    DeadLetterFilter,
    EventBus,
    InvalidMessage,
    Retry,
    Transaction,
    field,
    header,
)
from actorbus.running._pace import PURGE_EVERY, SELDOM
from actorbus.testing import outgoing
from tests.waiting import until

SHORT = Retry(attempts=2, initial=0.01, jitter=0.0)


@dataclass(frozen=True)
class Paid:
    order: str
    cents: int = 1


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def bus(store):
    bus = ActorBus("shop", store)
    bus.add_channel("payments", retry=SHORT)
    return bus


@pytest.fixture
def calls():
    return []


def subscribe(bus, calls, name="book", **options):
    @bus.event_handler(channel="payments", endpoint_id=name, **options)
    async def handler(event: Paid) -> None:
        calls.append((name, event.order))


async def test_the_same_id_twice_is_one_call_per_handler(bus, calls):
    """Of two handlers of the event each runs once; without an id of the sender's both are new."""
    subscribe(bus, calls, "book")
    subscribe(bus, calls, "thank")
    async with bus.running():
        for _ in range(2):
            await bus.events.publish(Paid("A"), message_id="payment-1")
            await bus.idle()
        for _ in range(2):
            await bus.events.publish(Paid("B"))
        await bus.idle()

    assert sorted(calls) == sorted(
        [("book", "A"), ("thank", "A"), *[("book", "B"), ("thank", "B")] * 2]
    )


async def test_it_can_be_switched_off(bus, calls):
    """For one handler; the others still run once."""
    subscribe(bus, calls, "book", deduplicate=True)
    subscribe(bus, calls, "log", deduplicate=False)
    async with bus.running():
        for _ in range(2):
            await bus.events.publish(Paid("A"), message_id="payment-1")
        await bus.idle()

    assert sorted(calls) == [("book", "A"), ("log", "A"), ("log", "A")]


async def test_a_handler_can_want_what_its_channel_does_not(store, calls):
    bus = ActorBus("shop", store)
    bus.add_channel("payments", deduplicate=False)
    subscribe(bus, calls, "book", deduplicate=field("order"))
    subscribe(bus, calls, "log")
    async with bus.running():
        for _ in range(2):
            await bus.events.publish(Paid("A"), message_id="payment-1")
        await bus.idle()

    assert sorted(calls) == [("book", "A"), ("log", "A"), ("log", "A")]


@pytest.mark.parametrize(
    "rule",
    [
        field("order"),
        header("order"),
        lambda event: event.order,
        lambda event, headers: headers["order"],
    ],
)
async def test_a_key_can_be_a_field_a_header_or_a_function(bus, calls, rule):
    """Two messages with ids of their own are one, if their keys are."""
    subscribe(bus, calls, deduplicate=rule)
    async with bus.running():
        for order in ("A", "A", "B"):
            await bus.events.publish(Paid(order), headers={"order": order})
        await bus.idle()

    assert calls == [("book", "A"), ("book", "B")]


@pytest.mark.parametrize("rule", [header("order"), lambda event: None])
async def test_a_message_without_a_key_is_refused_to_its_sender(bus, calls, rule):
    subscribe(bus, calls, deduplicate=rule)
    async with bus.running():
        with pytest.raises(InvalidMessage, match="book: deduplicate= gave None"):
            await bus.events.publish(Paid("A"))


@pytest.mark.parametrize("key", ["a\0b", "ü" * 1001])
async def test_a_key_that_not_every_store_can_hold_is_refused_to_its_sender(bus, calls, key):
    """PostgreSQL refuses it, which looked like an outage."""
    subscribe(bus, calls, deduplicate=lambda event: key)
    async with bus.running():
        with pytest.raises(InvalidMessage, match="book: deduplicate= gave .* at most 2000 bytes"):
            await bus.events.publish(Paid("A"))


async def test_a_failed_first_try_does_not_block_the_second(bus, calls):
    """Neither that of the message itself, nor, once it is a dead letter, the id sent again."""
    failing = [True]

    @bus.event_handler(channel="payments", endpoint_id="book")
    async def handler(event: Paid) -> None:
        calls.append(event.order)
        if failing:
            raise RuntimeError("not now")

    async with bus.running():
        await bus.events.publish(Paid("A"), message_id="payment-1")
        await until(lambda: bus.counters.dead)
        failing.clear()
        await bus.events.publish(Paid("A"), message_id="payment-1")
        await bus.idle()
        first_success = list(calls)
        await bus.dead_letters.replay(DeadLetterFilter())
        await bus.idle()
        left = await bus.dead_letters.list(DeadLetterFilter())

    assert first_success == ["A", "A", "A"]  # two tries of the first, one of the second
    assert (calls, left) == (first_success, [])  # the replay finds it handled


async def two_copies(bus, key="id:payment-1"):
    """Store two copies with one key, as two senders do that cannot know of each other."""
    await bus.store.append(
        [
            outgoing(
                name,
                channel="payments",
                endpoint="book",
                type_name=f"{Paid.__module__}.Paid",
                body=b"\x81\xa5order\xa1A",
                deduplication_key=key,
                forwarded=True,
            )
            for name in ("one", "two")
        ]
    )


async def test_two_concurrent_copies_have_one_effect(bus, calls):
    """In one transaction with it, whoever comes second finds it done."""

    @bus.event_handler(channel="payments", endpoint_id="book")
    async def handler(event: Paid, tx: Transaction) -> None:
        calls.append(event.order)
        await tx.execute("CREATE TABLE IF NOT EXISTS effects (name TEXT)")
        await tx.execute("INSERT INTO effects VALUES ($1)", event.order)

    async with bus.running():
        await two_copies(bus)
        await until(lambda: bus.counters.handled == 2)
        async with await bus.store.snapshot("test") as snapshot:
            effects = [tuple(row) for row in await snapshot.fetch("SELECT name FROM effects")]

    assert (effects, calls) == ([("A",)], ["A"])


async def test_it_holds_for_a_handler_without_a_transaction(bus, calls):
    """While the first copy is in hand the second is not started; afterwards it is dropped."""
    running = []

    @bus.event_handler(channel="payments", endpoint_id="book")
    async def handler(event: Paid) -> None:
        running.append(event.order)
        await trio.sleep(0.1)
        calls.append(list(running))
        running.pop()

    async with bus.running():
        await two_copies(bus)
        await until(lambda: bus.counters.handled == 2)

    assert calls == [["A"]]


async def test_a_second_copy_runs_if_the_first_one_fails(bus, calls):
    """It was put off, not dropped."""

    @bus.event_handler(
        channel="payments", endpoint_id="book", retry=Retry(attempts=2, initial=30.0)
    )
    async def handler(event: Paid) -> None:
        calls.append(event.order)
        if len(calls) == 1:
            raise RuntimeError("not now")

    async with bus.running():
        await two_copies(bus)
        await until(lambda: len(calls) == 2)

    assert calls == ["A", "A"]


async def test_a_gateway_sends_one_message_of_a_key(store, calls):
    class OnceBus(EventBus, deduplicate=field("order")):
        pass

    bus = ActorBus("shop", store)
    bus.add_channel("payments")
    subscribe(bus, calls)
    once = bus.gateway(OnceBus)
    async with bus.running():
        for order in ("A", "A", "B"):
            await once.publish(Paid(order))
        await bus.idle()

    assert calls == [("book", "A"), ("book", "B")]


async def test_keys_are_forgotten_after_their_time(autojump_clock, calls):
    """By the bus itself; they are counted, and shown in its health."""
    bus = ActorBus("shop", ":memory:", deduplicate_for=timedelta(hours=1))
    bus.add_channel("payments")
    subscribe(bus, calls)
    with bus.substituted(pace=replace(SELDOM, purge=PURGE_EVERY)):
        async with bus.running():
            await bus.events.publish(Paid("A"), message_id="payment-1")
            await bus.idle()
            remembered = (await bus.health()).remembered
            await trio.sleep(3700)
            forgotten = (await bus.health()).remembered
            await bus.events.publish(Paid("A"), message_id="payment-1")
            await bus.idle()

    assert remembered is not None
    assert forgotten is not None
    assert (remembered.sent, remembered.handled, remembered.forgotten) == (1, 1, 0)
    assert (forgotten.sent, forgotten.handled, forgotten.forgotten) == (0, 0, 2)
    assert calls == [("book", "A")] * 2


@pytest.mark.parametrize(
    ("channel", "options"),
    [
        ("payments", {"delay": timedelta(hours=2)}),
        ("payments", {"retry": Retry(attempts=100, initial=60.0, maximum=60.0, jitter=0.0)}),
        ("late", {}),
        ("patient", {}),
    ],
)
def test_keys_have_to_be_remembered_for_longer_than_a_message_may_wait(calls, channel, options):
    """Its delay and its retries, its own or its channel's, together."""
    bus = ActorBus("shop", deduplicate_for=timedelta(hours=1))
    bus.add_channel("payments")
    bus.add_channel("late", delay=3600)
    bus.add_channel("patient", retry=Retry(attempts=3, initial=3600, maximum=7200))

    @bus.event_handler(channel=channel, endpoint_id="book", **options)
    async def handler(event: Paid) -> None: ...

    with pytest.raises(BusConfigurationError, match=r"deduplicate_for=3600 is over before .* book"):
        bus.check()


async def test_what_waits_on_the_way_to_its_channel_is_counted_too():
    """Half an hour on the gateway's channel, and as long on the handler's own."""
    half = Retry(attempts=2, initial=1800, maximum=1800, jitter=0.0)
    bus = ActorBus("shop", deduplicate_for=timedelta(hours=1))
    bus.add_channel("the outbox", retry=half)
    bus.add_channel("payments", retry=half)

    class Outbox(EventBus, channel="the outbox"): ...

    @bus.event_handler(channel="payments", endpoint_id="book")
    async def handler(event: Paid) -> None: ...

    bus.gateway(Outbox)
    with pytest.raises(BusConfigurationError, match=r"a message of book is: .* take 3600 s"):
        bus.check()


@pytest.mark.parametrize(
    "options",
    [{"delay": 3600}, {"retry": Retry(attempts=2, initial=3600, maximum=3600, jitter=0.0)}],
)
def test_what_a_gateway_asks_for_is_counted_too(options):
    """Its retries and its delay come before those of handlers and channels."""
    bus = ActorBus("shop", deduplicate_for=timedelta(hours=1))
    bus.add_channel("patience")

    class Patient(EventBus, channel="patience", **options): ...

    @bus.event_handler(channel="patience")
    async def handler(event: Paid) -> None: ...

    bus.gateway(Patient)
    with pytest.raises(BusConfigurationError, match=r"Patient: deduplicate_for=3600 is over"):
        bus.check()


@pytest.mark.parametrize("value", [0, -1, "a week", float("inf")])
def test_the_time_that_keys_are_remembered_is_checked(value):
    bus = ActorBus("shop", deduplicate_for=value)
    with pytest.raises(BusConfigurationError, match="deduplicate_for=.* is not allowed"):
        bus.check()


def test_a_synchronous_handler_is_refused_what_it_would_ignore(bus):
    @bus.event_handler(deduplicate=field("order"))
    async def handler(event: Paid) -> None: ...

    @bus.event_handler(channel="payments", deduplicate="order")
    async def other(event: Paid) -> None: ...

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    assert "deduplicate= needs channel=" in str(caught.value)
    assert "deduplicate='order' is not allowed" in str(caught.value)
