"""Batches: many messages in one call and one transaction, each with its own attempts."""

from collections import Counter
from dataclasses import dataclass

import pytest
import trio

from actorbus import (
    ActorBus,
    Batch,
    BatchFailed,
    DynamicChannel,
    EventBus,
    Headers,
    PermanentError,
    Retry,
    Transaction,
    field,
)
from actorbus._store import Outgoing
from actorbus.stores.sqlite._turn import SqliteTurn
from tests.runtime.bus.delivery.jobs import Job


@pytest.fixture(params=["memory", "file"])
def bus(request, tmp_path, seed):
    """A bus on each kind of store."""
    store = ":memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'shop.db'}"
    return ActorBus("shop", store, seed=seed)


@pytest.fixture
def memory(seed):
    """A bus on virtual time, for tests that take `autojump_clock`."""
    return ActorBus("shop", ":memory:", seed=seed)


async def publish(bus, numbers, **options):
    for number in numbers:
        await bus.events.publish(Job(number), **options)


async def test_a_handler_gets_a_list_of_what_waits_in_its_order(bus):
    calls: list[list[int]] = []
    bus.add_channel("rows")

    @bus.event_handler(channel="rows", batch=Batch(size=4, wait=0.2))
    async def load(events: list[Job]):
        calls.append([event.number for event in events])

    async with bus.running():
        await publish(bus, range(10))
        await bus.idle()

    assert calls == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert bus.counters.handled == 10


async def test_a_batch_waits_from_its_first_message_on(autojump_clock, memory):
    calls: list[tuple[float, int]] = []
    memory.add_channel("rows")

    @memory.event_handler(channel="rows", batch=Batch(size=4, wait=5.0))
    async def load(events: list[Job]):
        calls.append((trio.current_time() - begun, len(events)))

    async with memory.running():
        begun = trio.current_time()
        await publish(memory, [1])
        await trio.sleep(4.0)
        await publish(memory, [2])
        await memory.idle()
        await publish(memory, range(4))
        await memory.idle()

    assert [count for _, count in calls] == [2, 4]
    assert [at for at, _ in calls] == pytest.approx([5.0, 5.0], abs=0.2)


async def test_a_batch_is_one_transaction(bus):
    bus.add_channel("rows")

    @bus.event_handler(channel="rows", batch=Batch(size=100, wait=0.2))
    async def load(events: list[Job], tx: Transaction):
        await tx.execute("CREATE TABLE IF NOT EXISTS loaded (number)")
        await tx.executemany(
            "INSERT INTO loaded VALUES ($1)", [(event.number,) for event in events]
        )

    async with bus.running():
        await publish(bus, range(50))
        await bus.idle()
        reading = await bus.store.snapshot("test")
        async with reading:
            rows = await reading.fetch("SELECT number FROM loaded ORDER BY number")

    assert [row[0] for row in rows] == list(range(50))


async def test_the_headers_of_each_message_are_there_in_the_same_order(bus):
    seen: list[list[tuple[int, str]]] = []
    bus.add_channel("rows")

    @bus.event_handler(channel="rows", batch=Batch(size=3, wait=0.2))
    async def load(events: list[Job], headers: list[Headers]):
        seen.append([(e.number, h["n"]) for e, h in zip(events, headers, strict=True)])

    async with bus.running():
        for number in range(3):
            await bus.events.publish(Job(number), headers={"n": str(number)})
        await bus.idle()

    assert seen == [[(0, "0"), (1, "1"), (2, "2")]]


async def test_messages_that_are_told_as_failed_are_retried_alone(autojump_clock, memory):
    calls: list[list[int]] = []
    memory.add_channel("rows", retry=Retry(attempts=3, initial=1.0, jitter=0.0))

    @memory.event_handler(channel="rows", batch=Batch(size=10, wait=0.1))
    async def load(events: list[Job]):
        calls.append([event.number for event in events])
        bad = {at: ValueError(event.number) for at, event in enumerate(events) if event.number == 3}
        if bad:
            raise BatchFailed(bad)

    async with memory.running():
        await publish(memory, range(6))
        await trio.sleep(60)
        letters = await memory.dead_letters.list()

    assert calls == [[0, 1, 2, 3, 4, 5], [3], [3]]
    assert [(letter.attempts, letter.exception) for letter in letters] == [(3, "ValueError")]
    assert memory.counters.handled == 5


async def test_what_the_others_wrote_is_committed_with_them(bus):
    bus.add_channel("rows", retry=Retry(attempts=1))

    @bus.event_handler(channel="rows", batch=Batch(size=10, wait=0.2))
    async def load(events: list[Job], tx: Transaction):
        await tx.execute("CREATE TABLE IF NOT EXISTS loaded (number)")
        failures: dict[int, Exception] = {}
        for at, event in enumerate(events):
            try:
                async with tx.savepoint():
                    await tx.execute("INSERT INTO loaded VALUES ($1)", event.number)
                    if event.number == 1:
                        raise ValueError(event.number)
            except ValueError as error:
                failures[at] = error
        if failures:
            raise BatchFailed(failures)

    async with bus.running():
        await publish(bus, range(3))
        await bus.idle()
        async with await bus.store.snapshot("test") as reading:
            rows = await reading.fetch("SELECT number FROM loaded ORDER BY number")

    assert [row[0] for row in rows] == [0, 2]


async def test_a_poison_message_uses_up_its_own_attempts_only(autojump_clock, memory):
    starts: Counter[int] = Counter()
    memory.add_channel("rows", retry=Retry(attempts=3, initial=1.0, jitter=0.0))

    @memory.event_handler(channel="rows", batch=Batch(size=8, wait=0.1))
    async def load(events: list[Job], headers: list[Headers], tx: Transaction):
        for event, header in zip(events, headers, strict=True):
            starts[event.number] = max(starts[event.number], header.attempt)
        if any(event.number == 5 for event in events):
            raise ValueError("poison")

    async with memory.running():
        await publish(memory, range(16))
        await trio.sleep(60)
        letters = await memory.dead_letters.list()

    assert [letter.attempts for letter in letters] == [3]
    assert memory.counters.handled == 15
    assert starts == {number: 3 if number == 5 else 1 for number in range(16)}


async def test_an_undecodable_member_is_a_dead_letter_and_the_batch_goes_on(autojump_clock, memory):
    calls: list[list[int]] = []
    memory.add_channel("rows")

    @memory.event_handler(channel="rows", batch=Batch(size=3, wait=0.2), endpoint_id="load")
    async def load(events: list[Job]):
        calls.append([event.number for event in events])

    async with memory.running():
        await publish(memory, [0])
        await memory.store.append([undecodable("load")])
        await publish(memory, [1])
        await memory.idle()
        letters = await memory.dead_letters.list()

    assert calls == [[0, 1]]
    assert [letter.reason for letter in letters] == ["undecodable"]


def undecodable(endpoint):
    return Outgoing(
        copy_id="broken",
        channel="rows",
        endpoint=endpoint,
        message_id="broken",
        type_name="tests.runtime.bus.delivery.jobs.Job",
        content_type="application/msgpack",
        headers="{}",
        body=b"\xc1",
        correlation_id="broken",
        timestamp=0.0,
    )


async def test_an_expired_member_is_not_run(autojump_clock, memory):
    calls: list[list[int]] = []
    memory.add_channel("rows")

    @memory.event_handler(channel="rows", batch=Batch(size=3, wait=10.0))
    async def load(events: list[Job]):
        calls.append([event.number for event in events])

    async with memory.running():
        await publish(memory, [0], time_to_live=5.0)
        await publish(memory, [1])
        await memory.idle()

    assert calls == [[1]]
    assert memory.counters.expired == 1


async def test_a_message_that_was_handled_before_is_not_in_the_batch(autojump_clock, memory):
    """Two copies of one key: never in one batch, and the second is not run once the first is."""
    calls: list[list[int]] = []
    memory.add_channel("rows")

    @memory.event_handler(channel="rows", batch=Batch(size=5, wait=0.2), endpoint_id="load")
    async def load(events: list[Job]):
        calls.append([event.number for event in events])

    async with memory.running():
        await publish(memory, [0], message_id="same")
        await publish(memory, [1])
        await memory.idle()
        await publish(memory, [0], message_id="same")
        await publish(memory, [2])
        await memory.idle()

    assert calls == [[0, 1], [2]]


async def test_a_message_that_was_handled_meanwhile_is_left_out_and_the_others_run_again(
    autojump_clock, memory, monkeypatch
):
    """The commit finds its key there: nothing of the batch is kept, then all but that one."""
    calls: list[list[int]] = []
    memory.add_channel("rows")
    remember = SqliteTurn.remember

    async def with_another_before(turn, endpoint, key):
        return key != "id:m1" and await remember(turn, endpoint, key)

    @memory.event_handler(channel="rows", batch=Batch(size=3, wait=0.1), endpoint_id="load")
    async def load(events: list[Job]):
        calls.append([event.number for event in events])

    async with memory.running():
        for number in range(3):
            await publish(memory, [number], message_id=f"m{number}")
        monkeypatch.setattr(SqliteTurn, "remember", with_another_before)
        await memory.idle()

    assert calls == [[0, 1, 2], [0, 2]]
    assert memory.counters.handled == 3


async def test_what_failed_before_is_not_with_what_did_not(autojump_clock, memory):
    calls: list[list[int]] = []
    memory.add_channel("rows", retry=Retry(attempts=2, initial=1.0, jitter=0.0))

    @memory.event_handler(channel="rows", batch=Batch(size=4, wait=2.0))
    async def load(events: list[Job]):
        calls.append(sorted(event.number for event in events))
        if len(calls) == 1:
            raise BatchFailed({0: ValueError(), 1: ValueError()})

    async with memory.running():
        await publish(memory, range(4))
        await trio.sleep(0.5)
        await publish(memory, [9])
        await trio.sleep(60)

    assert calls == [[0, 1, 2, 3], [9], [0, 1]]
    assert memory.counters.handled == 5


async def test_an_outage_burns_no_attempts_and_starts_again_small(autojump_clock, memory, endpoint):
    calls: list[int] = []
    down = True
    memory.add_channel("rows", retry=Retry(attempts=1))

    @memory.event_handler(channel="rows", batch=Batch(size=8, wait=0.2))
    async def load(events: list[Job]):
        calls.append(len(events))
        if down:
            raise ConnectionError

    async with memory.running():
        await publish(memory, range(16))
        await trio.sleep(10)
        sick = await endpoint(memory, "load")
        down, tried = False, len(calls)
        await memory.idle()

    assert sick.condition == "sick"
    assert calls[0] == 8
    assert memory.counters.dead == 0
    assert memory.counters.handled == 16
    assert set(calls[1:tried]) == {1}
    assert calls[tried] == 1
    assert calls[tried + 1] <= 2


async def test_an_outage_that_one_message_alone_sees_counts_against_it(autojump_clock, memory):
    memory.add_channel("rows", retry=Retry(attempts=3, initial=0.1))

    @memory.event_handler(channel="rows", batch=Batch(size=8, wait=0.2))
    async def load(events: list[Job]):
        if any(event.number == 5 for event in events):
            raise ConnectionError

    async with memory.running():
        await publish(memory, range(16))
        for number in range(100, 200):
            await trio.sleep(36)
            await publish(memory, [number])
        letters = await memory.dead_letters.list()

    assert [letter.attempts for letter in letters] == [3]
    assert memory.counters.handled >= 15 + 99


async def test_stopping_releases_a_batch_that_is_not_full_uncounted(autojump_clock, memory):
    calls: list[list[int]] = []
    memory.add_channel("rows")

    @memory.event_handler(channel="rows", batch=Batch(size=5, wait=30.0))
    async def load(events: list[Job], headers: list[Headers]):
        calls.append([header.attempt for header in headers])

    async with memory.running():
        await publish(memory, [0, 1])
        await trio.sleep(1.0)
    assert calls == []
    assert memory.counters.released == 2


async def test_a_time_limit_is_the_calls_and_finds_the_slow_message(autojump_clock, memory):
    memory.add_channel("rows", retry=Retry(attempts=1))

    @memory.event_handler(channel="rows", batch=Batch(size=8, wait=0.2), timeout=1.0)
    async def load(events: list[Job]):
        if any(event.number == 2 for event in events):
            await trio.sleep(5)

    async with memory.running():
        await publish(memory, range(8))
        await memory.idle()
        letters = await memory.dead_letters.list()

    assert [letter.exception for letter in letters] == ["actorbus.HandlerTimeout"]
    assert memory.counters.handled == 7


async def test_each_tenant_has_batches_of_its_own(autojump_clock, memory):
    calls: list[set[str]] = []
    memory.add_channel(DynamicChannel("rows", tenant=field("tenant")))

    @memory.event_handler(channel="rows", batch=Batch(size=20, wait=0.1))
    async def load(events: list[Job]):
        calls.append({event.tenant for event in events})
        sizes.append(len(events))

    sizes: list[int] = []
    async with memory.running():
        for number in range(20):
            for tenant in ("north", "south"):
                await memory.events.publish(Job(number, tenant))
        await memory.idle()

    assert all(len(tenants) == 1 for tenants in calls)
    assert sizes == [20, 20]


async def test_a_plain_function_gets_its_batch_on_a_thread(bus):
    calls: list[int] = []
    bus.add_channel("rows")

    @bus.event_handler(channel="rows", batch=Batch(size=10, wait=0.2))
    def load(events: list[Job], tx: Transaction):
        tx.execute("CREATE TABLE loaded (number)").get()
        calls.append(len(events))

    async with bus.running():
        await publish(bus, range(10))
        await bus.idle()

    assert calls == [10]


async def test_what_it_sends_carries_what_its_messages_share(autojump_clock, memory):
    sent: list[Headers] = []
    memory.add_channel("rows")

    @dataclass(frozen=True)
    class Loaded:
        count: int

    @memory.event_handler(channel="rows", batch=Batch(size=10, wait=0.2))
    async def load(events: list[Job], events_bus: EventBus):
        await events_bus.publish(Loaded(len(events)))

    @memory.event_handler
    async def loaded(event: Loaded, headers: Headers):
        sent.append(headers)

    async with memory.running():
        for number in range(3):
            headers = {"shop": "north", "n": str(number)}
            await memory.events.publish(
                Job(number), headers=headers, correlation_id="one", message_id=f"m{number}"
            )
        await memory.idle()

    assert [dict(headers) for headers in sent] == [{"shop": "north"}]
    assert (sent[0].correlation_id, sent[0].causation_id) == ("one", "m0")


async def test_a_permanent_error_finds_its_message_and_no_other(autojump_clock, memory):
    memory.add_channel("rows", retry=Retry(attempts=5))

    @memory.event_handler(channel="rows", batch=Batch(size=8, wait=0.2))
    async def load(events: list[Job]):
        if any(event.number == 6 for event in events):
            raise PermanentError("six")

    async with memory.running():
        await publish(memory, range(8))
        await memory.idle()
        [letter] = await memory.dead_letters.list()

    assert letter.reason == "permanent error"
    assert memory.counters.handled == 7


class Abandoned(BaseException):
    """What is no Exception ends the endpoint's actor, which is restarted."""


async def test_a_handler_that_ends_its_actor_is_run_one_by_one(autojump_clock, memory):
    """The message that raises what is no Exception runs out of attempts."""
    memory.add_channel("rows", retry=Retry(attempts=2, initial=0.1))

    @memory.event_handler(channel="rows", batch=Batch(size=4, wait=0.2))
    async def load(events: list[Job]):
        if any(event.number == 1 for event in events):
            raise Abandoned

    async with memory.running():
        await publish(memory, range(4))
        await trio.sleep(60)
        letters = await memory.dead_letters.list()

    assert [letter.attempts for letter in letters] == [2]
    assert memory.counters.handled == 3


async def test_a_place_outside_of_the_batch_is_the_handlers_mistake(autojump_clock, memory):
    memory.add_channel("rows", retry=Retry(attempts=1))

    @memory.event_handler(channel="rows", batch=Batch(size=8, wait=0.2))
    async def load(events: list[Job]):
        raise BatchFailed({len(events): ValueError()})

    async with memory.running():
        await publish(memory, range(2))
        await memory.idle()
        letters = await memory.dead_letters.list()

    assert {letter.exception_message for letter in letters} == {
        "BatchFailed: 1 is no place in a batch of 1"
    }
