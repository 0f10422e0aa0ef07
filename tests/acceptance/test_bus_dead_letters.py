"""Dead letters: looked at, mended, replayed; and what one failure means for the other copies."""

import multiprocessing
from collections import Counter
from dataclasses import dataclass

import pytest
import trio

from actorbus import (
    ActorBus,
    DeadLetterFilter,
    Headers,
    InvalidMessage,
    Retry,
)
from tests.acceptance.bus_operators import replay_all
from tests.waiting import until_nothing_waits


@dataclass(frozen=True)
class Act:
    number: int = 1


@dataclass(frozen=True)
class Other:
    text: str = ""


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def bus(store):
    bus = ActorBus("shop", store)
    bus.add_channel("mail", retry=Retry(attempts=2, initial=0.001, jitter=0.0), concurrency=100)
    return bus


@pytest.fixture
def broken():
    """The numbers that fail."""
    return set()


@pytest.fixture
def handled(bus, broken):
    """How often each number was handled well."""
    counts = Counter[int]()

    @bus.event_handler(channel="mail", endpoint_id="work")
    async def work(event: Act) -> None:
        if event.number in broken:
            raise ValueError(f"no {event.number}")
        counts[event.number] += 1

    return counts


async def test_of_two_subscribers_the_one_that_failed_runs_again_and_the_other_not(bus):
    """The other's count stays at one; its copies are its own."""
    attempts = Counter[str]()

    @bus.event_handler(channel="mail")
    async def good(event: Act, headers: Headers) -> None:
        attempts["good"] += 1

    @bus.event_handler(channel="mail")
    async def bad(event: Act, headers: Headers) -> None:
        attempts["bad"] += 1
        if headers.attempt == 1:
            raise ValueError("once")

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)

    assert attempts == {"good": 1, "bad": 2}


async def test_a_copy_that_used_up_its_retries_touches_no_other(bus):
    bus.add_channel("audit")
    attempts = Counter[str]()

    @bus.event_handler(channel="audit")
    async def audited(event: Act) -> None:
        attempts["audited"] += 1

    @bus.event_handler(channel="mail", endpoint_id="bad")
    async def bad(event: Act) -> None:
        attempts["bad"] += 1
        raise ValueError("always")

    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        [letter] = await bus.dead_letters.list()

    assert attempts == {"audited": 1, "bad": 2}
    assert letter.endpoint == "bad"


async def test_one_whose_cause_was_mended_succeeds_once_and_is_gone(bus, handled, broken):
    broken.add(1)
    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        [letter] = await bus.dead_letters.list()
        broken.clear()
        assert await bus.dead_letters.replay(letter.copy_id) == 1
        assert await bus.dead_letters.replay(letter.copy_id) == 0
        await until_nothing_waits(bus)
        assert await bus.dead_letters.count() == 0
        assert await bus.store.statistics() == []

    assert handled == {1: 1}


async def test_one_that_still_fails_comes_back_with_a_longer_history(bus, handled, broken):
    broken.add(1)
    lengths = []
    async with bus.running():
        await bus.events.publish(Act())
        for replays in range(3):
            await until_nothing_waits(bus)
            [row] = await bus.dead_letters.list()
            letter = await bus.dead_letters.show(row.copy_id)
            lengths.append(len(letter.failures))
            assert letter.replays == replays
            await bus.dead_letters.replay(letter.copy_id)

    assert lengths == [2, 4, 6]


async def test_replaying_10000_goes_on_past_those_that_fail(store):
    """Each is tried once: those that fail again meanwhile are not replayed once more."""
    bus = ActorBus("shop", store)
    bus.add_channel("mail", retry=Retry(attempts=1), concurrency=100)
    broken, handled = set(range(10_000)), Counter[int]()

    @bus.event_handler(channel="mail")
    async def work(event: Act) -> None:
        if event.number in broken:
            raise ValueError("no")
        handled[event.number] += 1

    async with bus.running():
        await bus.events.publish_many(map(Act, range(10_000)))
        await until_nothing_waits(bus)
        broken -= {number for number in range(10_000) if number % 100}
        assert await bus.dead_letters.replay(DeadLetterFilter()) == 10_000
        await until_nothing_waits(bus)
        left = await bus.dead_letters.list(limit=1000)

    assert len(handled) == 9_900
    assert set(handled.values()) == {1}
    assert (len(left), {letter.replays for letter in left}) == (100, {1})


async def test_two_operators_who_replay_it_at_the_same_moment_replay_it_once(tmp_path):
    """Two processes on one file, each with all that is there."""
    url = f"sqlite:///{tmp_path / 'bus.db'}"
    bus = ActorBus("shop", url)
    bus.add_channel("mail", retry=Retry(attempts=1))
    broken, handled = [True], Counter[int]()

    @bus.event_handler(channel="mail")
    async def work(event: Act) -> None:
        if broken:
            raise ValueError("no")
        handled[event.number] += 1

    async with bus.running():
        await bus.events.publish_many(map(Act, range(50)))
        await until_nothing_waits(bus)
    context = multiprocessing.get_context("spawn")
    barrier, counts = context.Barrier(2), context.Queue()
    operators = [context.Process(target=replay_all, args=(url, barrier, counts)) for _ in range(2)]
    for operator in operators:
        operator.start()
    total = sum([await trio.to_thread.run_sync(counts.get, True, 60) for _ in operators])
    for operator in operators:
        await trio.to_thread.run_sync(operator.join)
    broken.clear()
    async with bus.running():
        await until_nothing_waits(bus)
        assert await bus.dead_letters.count() == 0

    assert total == 50
    assert handled == dict.fromkeys(range(50), 1)


async def test_a_preview_says_what_a_replay_would_be_about_and_changes_nothing(bus, handled):
    @bus.event_handler(channel="mail", endpoint_id="other")
    async def other(event: Other) -> None:
        raise KeyError("other")

    @bus.event_handler(channel="mail", endpoint_id="act")
    async def act(event: Act) -> None:
        raise ValueError("act")

    async with bus.running():
        await bus.events.publish_many([Act(1), Act(2), Other()])
        await until_nothing_waits(bus)
        everything = await bus.dead_letters.preview(DeadLetterFilter())
        some = await bus.dead_letters.preview(DeadLetterFilter(endpoint="other"))
        assert await bus.dead_letters.count() == 3

    assert (everything.count, dict(everything.untaken)) == (3, {})
    [first, second] = everything.groups
    assert (first.endpoint, first.exception, first.count) == ("act", "ValueError", 2)
    assert first.oldest <= first.newest
    assert (second.endpoint, second.exception, second.count) == ("other", "KeyError", 1)
    assert (some.count, some.groups) == (1, (second,))


async def test_a_list_comes_without_bodies_unless_they_are_asked_for(bus, handled, broken):
    broken.add(1)
    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        [bare] = await bus.dead_letters.list()
        [full] = await bus.dead_letters.list(bodies=True)
        shown = await bus.dead_letters.show(bare.copy_id)

    assert (bare.body, bare.body_bytes) == (b"", len(full.body))
    assert shown.body == full.body


async def test_a_mended_body_is_checked_and_then_handled(bus, handled, broken):
    broken.add(1)
    async with bus.running():
        await bus.events.publish(Act())
        await until_nothing_waits(bus)
        [letter] = await bus.dead_letters.list()
        with pytest.raises(InvalidMessage, match="number"):
            await bus.dead_letters.edit(letter.copy_id, message={"number": "two"})
        await bus.dead_letters.edit(letter.copy_id, message=Act(2), headers={"mended": "yes"})
        await bus.dead_letters.replay(DeadLetterFilter(endpoint="work"))
        await until_nothing_waits(bus)

    assert handled == {2: 1}
