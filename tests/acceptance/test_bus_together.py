"""Options that are each promised on a page of their own, all of them at once, on both stores."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import trio

from actorbus import (
    ActorBus,
    Batch,
    BatchFailed,
    DynamicChannel,
    EventBus,
    FailedMessage,
    Headers,
    Invocation,
    Ordering,
    Rate,
    Retry,
    RoundRobinChannel,
    Transaction,
    field,
)

COUNT = 120
KEYS = 6
RETRY = Retry(attempts=3, initial=0.001, jitter=0.0)


@dataclass(frozen=True)
class Moved:
    number: int
    key: str
    shop: str


@dataclass(frozen=True)
class Move:
    count: int


class Outbox(EventBus, channel="outbox"):
    """What leaves through it takes two hops."""


def fails(number: int, attempt: int) -> bool:
    return number % 7 == 0 or (number % 5 == 0 and attempt == 1)


HANDLED = [number for number in range(COUNT) if number % 7]
FAILED = [number for number in range(COUNT) if number % 7 == 0]


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


def channel(bus, kind):
    """Declare the channel of the handler."""
    options: dict[str, Any] = {"retry": RETRY, "error_channel": "failed", "final_failure": "resend"}
    if kind == "plain":
        bus.add_channel("work", **options)
    elif kind == "tenants":
        bus.add_channel(DynamicChannel("work", tenant=field("shop"), **options))
    else:
        for name in ("left", "right"):
            bus.add_channel(name, **options)
        bus.add_channel(RoundRobinChannel("work", ["left", "right"]))


async def write(tx: Transaction, number: int) -> None:
    await tx.execute("INSERT INTO booked (number) VALUES ($1)", number)


async def book_all(events: list[Moved], headers: list[Headers], tx: Transaction) -> None:
    failed: dict[int, Exception] = {}
    for place, (event, its) in enumerate(zip(events, headers, strict=True)):
        if fails(event.number, its.attempt):
            failed[place] = ValueError(event.number)
        else:
            await write(tx, event.number)
    if failed:
        raise BatchFailed(failed)


async def book(event: Moved, headers: Headers, tx: Transaction) -> None:
    await write(tx, event.number)
    if fails(event.number, headers.attempt):
        raise ValueError(event.number)


def whole_bus(store, kind, on_failure, *, batch):
    bus = ActorBus("shop", store)
    bus.add_channel("outbox")
    bus.add_channel("failed")
    channel(bus, kind)
    calls: list[int] = []
    ordering = None if kind == "in turn" else Ordering(field("key"), on_failure=on_failure)
    options: dict[str, Any] = {
        "channel": "work",
        "endpoint_id": "book",
        "ordering_key": ordering,
        "rate_limit": Rate(100_000, per=1.0),
    }

    @bus.command_handler
    async def move(command: Move, events: Outbox, tx: Transaction) -> None:
        await tx.execute("CREATE TABLE booked (place INTEGER PRIMARY KEY, number)")
        await tx.execute("CREATE TABLE looked_at (number)")
        for number in range(command.count):
            event = Moved(number, f"key {number % KEYS}", f"shop {number % 3}")
            for _ in range(2):
                await events.publish(event, message_id=f"moved {number}")

    @bus.around("event")
    async def count(invocation: Invocation) -> object:
        calls.append(1)
        return await invocation.proceed()

    if batch:
        bus.event_handler(batch=Batch(size=10, wait=0.002), **options)(book_all)
    else:
        bus.event_handler(**options)(book)

    @bus.error_handler(channel="failed")
    async def look_at(failed: FailedMessage, tx: Transaction) -> None:
        await tx.execute("INSERT INTO looked_at VALUES ($1)", failed.message.number)

    return bus, calls


async def column(bus, statement):
    async with await bus.store.snapshot("test") as reading:
        return [row[0] for row in await reading.fetch(statement)]


async def emptied(bus):
    with trio.fail_after(40):
        while any(  # noqa: ASYNC110  a store tells of no empty queue
            one.ready + one.waiting + one.claimed + one.held + one.parked
            for one in await bus.store.statistics()
        ):
            await trio.sleep(0.02)


@pytest.mark.parametrize(
    ("kind", "batch", "on_failure"),
    [
        *product(["plain", "tenants"], [False, True], ["wait", "park", "skip"]),
        *product(["in turn"], [False, True], ["wait"]),
    ],
)
async def test_nothing_is_lost_or_done_twice_and_keys_keep_their_order(
    store, kind, batch, on_failure
):
    """Sent twice, over two hops, retried, sent on to an error channel, in batches, at a rate."""
    bus, calls = whole_bus(store, kind, on_failure, batch=batch)
    async with bus.running():
        await bus.commands.send(Move(COUNT))
        await emptied(bus)
        booked = await column(bus, "SELECT number FROM booked ORDER BY place")
        looked_at = await column(bus, "SELECT number FROM looked_at")
        letters = await bus.dead_letters.list()

    assert (sorted(booked), sorted(looked_at), letters) == (HANDLED, FAILED, [])
    assert calls
    if kind != "in turn" and on_failure != "skip":
        lines = defaultdict(list)
        for number in booked:
            lines[number % KEYS].append(number)
        assert all(line == sorted(line) for line in lines.values())
