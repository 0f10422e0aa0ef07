"""When it is noted that a message was handled: with its settlement, or before its handler."""

from dataclasses import dataclass

import pytest
import trio

from actorbus import ActorBus, Batch, BatchFailed, BusConfigurationError, Retry, Transaction, field

NOTES = "SELECT key FROM actorbus_handled ORDER BY key"


@dataclass(frozen=True)
class Paid:
    order: str


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bus.db'}"
    return request.getfixturevalue("postgres")


def bus_on(store, inbox):
    bus = ActorBus("shop", store)
    bus.add_channel(
        "payments", inbox=inbox, deduplicate=field("order"), retry=Retry(attempts=2, initial=0.01)
    )
    return bus


async def handled(bus):
    async with await bus.store.snapshot("test") as snapshot:
        return [key for (key,) in await snapshot.fetch(NOTES)]


@pytest.mark.parametrize(("inbox", "seen"), [("first", 1), ("last", 0)])
async def test_it_is_noted_before_the_handler_begins_or_when_it_has_ended(store, inbox, seen):
    """In its transaction, both times."""
    bus = bus_on(store, inbox)
    noted = []

    @bus.event_handler(channel="payments")
    async def book(event: Paid, tx: Transaction) -> None:
        noted.append(len(await tx.fetch(NOTES)))

    async with bus.running():
        await bus.events.publish(Paid("A"))
        await bus.idle()
        assert len(await handled(bus)) == 1

    assert noted == [seen]


@pytest.mark.parametrize("inbox", ["first", "last"])
async def test_a_handler_that_fails_leaves_no_note(store, inbox):
    """So that its retry runs."""
    bus = bus_on(store, inbox)
    calls = []
    again = trio.Event()

    @bus.event_handler(channel="payments")
    async def book(event: Paid) -> None:
        calls.append(event.order)
        if len(calls) == 1:
            raise ValueError("not yet")
        again.set()

    async with bus.running():
        await bus.events.publish(Paid("A"))
        with trio.fail_after(10):
            await again.wait()
        await bus.idle()
        assert len(await handled(bus)) == 1

    assert calls == ["A", "A"]


async def test_messages_of_a_batch_that_failed_are_not_noted_with_the_others(store):
    """Noted first, the batch is undone; the others run again, and those that failed are retried."""
    bus = bus_on(store, "first")
    calls = []
    again = trio.Event()

    @bus.event_handler(channel="payments", batch=Batch(3, wait=1.0))
    async def book(events: list[Paid], tx: Transaction) -> None:
        calls.append(sorted(event.order for event in events))
        if len(calls) == 3:
            again.set()
        bad = {place: ValueError("no") for place, one in enumerate(events) if one.order == "B"}
        if bad and len(calls) == 1:
            raise BatchFailed(bad)

    async with bus.running():
        for order in "ABC":
            await bus.events.publish(Paid(order))
        with trio.fail_after(20):
            await again.wait()
        await bus.idle()
        assert len(await handled(bus)) == 3

    assert calls == [["A", "B", "C"], ["A", "C"], ["B"]]


def test_other_words_are_refused_at_start_up():
    bus = bus_on(":memory:", "sometimes")
    with pytest.raises(BusConfigurationError, match="inbox='sometimes' is not allowed"):
        bus.check()
