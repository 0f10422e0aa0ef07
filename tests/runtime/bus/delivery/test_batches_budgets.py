"""Two budgets, also in batches: whatever fails, how ever it is told, only it pays for it."""

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actorbus import ActorBus, Batch, BatchFailed, Headers, PermanentError, Retry, Transaction
from tests.runtime.bus.delivery.jobs import Job

ATTEMPTS = 3

faults = st.dictionaries(
    st.integers(0, 19),
    st.sampled_from(["raises", "told", "permanent", "told permanent", "once", "told once"]),
    max_size=6,
)


class Load:
    """A handler of batches in which some messages fail, each in its way."""

    def __init__(self, found):
        self.faults = found
        self.sizes: list[int] = []

    async def __call__(self, events: list[Job], headers: list[Headers], tx: Transaction) -> None:
        self.sizes.append(len(events))
        told: dict[int, Exception] = {}
        for at, (event, header) in enumerate(zip(events, headers, strict=True)):
            fault = self.faults.get(event.number, "")
            once_over = fault.endswith("once") and header.attempt > 1
            error = PermanentError() if fault.endswith("permanent") else ValueError(event.number)
            if fault.startswith("told") and not once_over:
                told[at] = error
            elif fault and not once_over:
                raise error
            else:
                await tx.execute("INSERT INTO loaded VALUES ($1)", event.number)
        if told:
            raise BatchFailed(told)


async def run(found, size, concurrency):
    """Send twenty messages; return the handler, what is in its table, and the dead letters."""
    bus = ActorBus("shop", ":memory:", seed=1)
    bus.add_channel("rows", retry=Retry(attempts=ATTEMPTS, initial=1.0))
    load = Load(found)
    bus.event_handler(
        channel="rows",
        batch=Batch(size=size, wait=0.1),
        concurrency=concurrency,
        endpoint_id="load",
    )(load)
    async with bus.running():
        turn = await bus.store.acquire("test")
        await turn.execute("CREATE TABLE loaded (number)")
        await turn.finish(_Nobody())
        for number in range(20):
            await bus.events.publish(Job(number))
        await trio.sleep(60)
        await bus.idle()
        async with await bus.store.snapshot("test") as reading:
            rows = [row[0] for row in await reading.fetch("SELECT number FROM loaded")]
        return load, rows, await bus.dead_letters.list(), bus.counters


class _Nobody:
    def committed(self) -> None:
        """Nobody waits for it."""

    def lost(self, error: Exception) -> None:
        raise error


@settings(max_examples=60, deadline=None)
@given(found=faults, size=st.integers(1, 25), concurrency=st.integers(1, 3))
def test_nothing_is_lost_nothing_is_done_twice_and_only_what_fails_pays(found, size, concurrency):
    load, rows, letters, counters = trio.run(
        run, found, size, concurrency, clock=MockClock(autojump_threshold=0)
    )
    dead = {number for number, fault in found.items() if not fault.endswith("once")}

    assert sorted(rows) == [number for number in range(20) if number not in dead]
    attempts = sorted(letter.attempts for letter in letters)
    expected = [1 if found[number].endswith("permanent") else ATTEMPTS for number in dead]
    assert attempts == sorted(expected)
    assert counters.handled == len(rows)
    assert max(load.sizes) <= size
