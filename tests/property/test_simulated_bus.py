"""One trace through the simulator and through a running bus: the same decisions at the same times.

The bus is a real one on a store in memory, its handler follows a script, and time is virtual. What
is compared is everything that is decided about messages, about the endpoint's health and about
its restarts, to the microsecond.

Two things about a bus are set so that it is exact. It looks for retries when they are due, also
within 10 ms of the last look, which it rests otherwise. And the unix time begins with the test: in
this century a float holds less than a microsecond of it, and what is due by one clock and not by
the other is looked at a millisecond later.

Left out are examples in which two messages' tries end at the same instant: which of them a running
bus goes on with first is up to its scheduler. And `max_in_flight` is not near `concurrency`: a bus
holds a message until its settlement is committed, and may take one less than there is room for.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from actorbus import (
    ActorBus,
    Backoff,
    EndpointHealthy,
    EndpointSick,
    Headers,
    MessageDied,
    MessageRetried,
    PermanentError,
    Retry,
)
from actorbus.running._pace import SELDOM
from actorbus.stores.sqlite import SqliteStore
from actorbus.stores.sqlite._clock import RunClock
from actors.events import BackingOff
from supervisors import GiveUpMessage, OneForOne, RestartChildren, TryAgain, simulate
from supervisors.simulator import (
    DependencyOutage,
    Endpoint,
    HealthStep,
    MessageStep,
    Poison,
    RecordedArrivals,
    RecordedService,
    Step,
)
from tests.runtime.bus.delivery.jobs import Job

UNTIL = 120.0
MICROSECOND = 1e-6
EXACT = replace(SELDOM, rest=0.0)
"""Retries are looked for when they are due, however soon after others: usually it is 10 ms."""
RETRY = Retry(attempts=3, initial=0.5, maximum=4.0)
BACKOFF = Backoff(initial=0.5, maximum=8.0)


@dataclass(frozen=True)
class Script:
    """What befalls the endpoint. Outages are (begin, seconds); the others are message numbers."""

    gaps: tuple[int, ...]
    outages: tuple[tuple[int, int], ...] = ()
    failing: dict[int, int] | None = None
    """How often each of these messages fails."""
    lonely: frozenset[int] = frozenset()
    """Their own dependency is away for good."""
    permanent: frozenset[int] = frozenset()
    fails_after: float = 0.25
    retry: Retry = RETRY
    backoff: Backoff = BACKOFF
    breaker: int | None = None
    concurrency: int = 2
    more_in_flight: int = 5
    """How many more messages than can run the endpoint may hold."""
    seed: int = 7

    @property
    def arrivals(self) -> list[float]:
        times, at = [], 0.1
        for number, gap in enumerate(self.gaps):
            at += gap / 10 + 0.000_37 * (number + 1) ** 0.5
            times.append(at)
        return times

    def seconds(self, number: int, attempt: int) -> float:
        return 0.2 + 0.0137 * ((number * 7 + attempt * 3) % 31)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The outages one after the other: each begins so long after the last one's end."""
        spans, at = [], 0.05
        for gap, lasting in self.outages:
            begin = at + gap / 10
            at = begin + lasting / 10 + 0.0123
            spans.append((begin, at))
        return spans


def simulated(script: Script):
    numbers = range(len(script.gaps))
    tries = {(n, a): script.seconds(n, a) for n in numbers for a in range(1, 9)}
    failures: list[Any] = [
        *(DependencyOutage(b, e - b, fails_after=script.fails_after) for b, e in script.spans),
        *(Poison(numbers=[n], attempts=times) for n, times in (script.failing or {}).items()),
        *([Poison(numbers=script.lonely, kind="outage")] if script.lonely else []),
        *([Poison(numbers=script.permanent, kind="permanent")] if script.permanent else []),
    ]
    endpoint = Endpoint(
        "mailer",
        RecordedArrivals(script.arrivals),
        RecordedService(tries),
        failures,
        retry=script.retry,
        backoff=script.backoff,
        breaker=script.breaker,
        concurrency=script.concurrency,
        max_in_flight=script.concurrency + script.more_in_flight,
    )
    root = "shop/channels/mail"
    return simulate(OneForOne(None), [endpoint], until=UNTIL, seed=script.seed, root=root)


def said(step):
    match step:
        case MessageStep(outcome=TryAgain(delay)):
            return ("retried", step.message, step.attempt, delay)
        case MessageStep(outcome=GiveUpMessage()):
            return ("died", step.message, step.attempt)
        case HealthStep():
            return ("health", step.health.value)
        case Step(decision=RestartChildren(restarts=restarts, delay=delay)):
            return ("restarted", restarts, delay)
        case _:  # a message that was released
            return None


def decisions(report):
    """What the bus tells of as well: not that a message was released."""
    told = ((step.at, said(step)) for step in report.timeline)
    return [(at, *words) for at, words in told if words is not None]


class Shop:
    """A running bus whose handler follows the script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.numbers: dict[str, int] = {}
        self.decided: list[Any] = []
        self.begun = 0
        self.began_at = 0.0

    @property
    def now(self) -> float:
        return trio.current_time() - self.began_at

    async def handle(self, number: int, attempt: int) -> None:
        script, now = self.script, self.now
        self.begun += 1
        end = now + script.seconds(number, attempt)
        for begin, back in script.spans:
            if begin <= now < back:
                await trio.sleep(script.fails_after)
                raise ConnectionError
            if now < begin < end:
                await trio.sleep(begin - now)
                raise ConnectionError
        await trio.sleep(end - now)
        if attempt <= (script.failing or {}).get(number, 0):
            raise ValueError(number)
        if number in script.lonely:
            raise ConnectionError
        if number in script.permanent:
            raise PermanentError(number)

    def note(self, event):
        at = event.time - self.began_at
        if at <= UNTIL:
            self.decided.append((at, *self.told(event)))

    def told(self, event):
        match event:
            case MessageRetried():
                return ("retried", self.numbers[event.message_id], event.attempt, event.delay)
            case MessageDied():
                return ("died", self.numbers[event.message_id], event.attempt)
            case EndpointSick():
                return ("health", "sick")
            case EndpointHealthy():
                return ("health", "healthy")
            case BackingOff():
                return ("restarted", event.restarts, event.delay)
            case _:
                raise TypeError(event)

    async def run(self):
        script = self.script
        bus = ActorBus("shop", SqliteStore(None, clock=RunClock(0.0)), seed=script.seed)
        bus.add_channel(
            "mail",
            retry=script.retry,
            backoff=script.backoff,
            concurrency=script.concurrency,
            max_in_flight=script.concurrency + script.more_in_flight,
        )

        breaker: Any = {} if script.breaker is None else {"breaker": script.breaker}

        @bus.event_handler(channel="mail", endpoint_id="mailer", **breaker)
        async def handle(event: Job, headers: Headers):
            await self.handle(event.number, headers.attempt)

        with bus.substituted(pace=EXACT):
            return await self.run_through(bus)

    async def run_through(self, bus):
        script = self.script
        async with bus.running():
            self.began_at = trio.current_time()
            kinds = (MessageRetried, MessageDied, EndpointSick, EndpointHealthy, BackingOff)
            bus.system.events.subscribe(self.note, *kinds)
            for number, at in enumerate(script.arrivals):
                await trio.sleep_until(self.began_at + at)
                self.numbers[await bus.events.publish(Job(number))] = number
            await trio.sleep_until(self.began_at + UNTIL)
            found = await bus.health()
        return next(
            one
            for channel in found.channels
            for one in channel.endpoints
            if one.endpoint == "mailer"
        )


def has_ties(report):
    times = [round(step.at, 7) for step in report.messages]
    return len(set(times)) < len(times)


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < MICROSECOND
    return one == other


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def scripts():
    numbers = st.integers(0, 11)
    return st.builds(
        Script,
        gaps=st.lists(st.integers(0, 12), min_size=1, max_size=12).map(tuple),
        outages=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 90)), max_size=2).map(tuple),
        failing=st.dictionaries(numbers, st.integers(1, 3), max_size=4),
        lonely=st.frozensets(numbers, max_size=2),
        permanent=st.frozensets(numbers, max_size=2),
        fails_after=st.sampled_from([0.0, 0.25, 2.0]),
        retry=st.sampled_from([Retry(attempts=1), RETRY]),
        backoff=st.sampled_from(
            [
                BACKOFF,
                Backoff(initial=1.0, maximum=3.0, first_immediate=False, reset_after=2.0),
            ]
        ),
        breaker=st.sampled_from([None, 2]),
        concurrency=st.integers(1, 3),
        more_in_flight=st.integers(5, 9),
        seed=st.integers(0, 3),
    )


@settings(max_examples=30)
@given(script=scripts())
@example(
    Script(
        gaps=(3,) * 30,
        outages=((25, 63),),
        failing={1: 1, 3: 9, 7: 9, 20: 1},
        lonely=frozenset({11}),
        concurrency=3,
    )
)
def test_a_running_bus_decides_as_its_simulation(script):
    report = simulated(script)
    assume(not has_ties(report))
    shop = Shop(script)

    found = trio.run(shop.run, clock=trio.testing.MockClock(autojump_threshold=0))

    expected = decisions(report)
    different = [
        (ours, theirs)
        for ours, theirs in zip(expected, shop.decided, strict=False)
        if not all(map(same, ours, theirs))
    ]
    assert different[:1] == []
    assert len(expected) == len(shop.decided)
    load = report.load("mailer")
    assert (load.started, load.handled) == (shop.begun, found.handled)
    assert (load.dead_lettered, load.retried) == (found.dead, found.retried)
