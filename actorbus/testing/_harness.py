"""A bus in a plain test: its own store in memory, and time that passes when the test says so."""

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ParamSpec, TypeVar

from actorbus._bus import ActorBus
from actorbus._bus_events import MessageDied
from actorbus._store import DeadLetterRow
from actorbus.consuming._consuming import Consume
from actorbus.gateways._gateway import CommandBus, EventBus, QueryBus
from actorbus.messages._types import did_you_mean
from actorbus.options._options import Seconds, as_seconds
from actorbus.running._pace import SELDOM
from actorbus.stores.sqlite import SqliteStore
from actorbus.stores.sqlite._clock import RunClock
from actorbus.testing._life import Life, Outcome, Sent, Span
from actorbus.testing._matching import What, listed, means, named
from actorbus.testing._waiting import QUERY, Reader, Waiting
from actors.testing import SteppedClock

P = ParamSpec("P")
T = TypeVar("T")

START = datetime(2025, 1, 1, tzinfo=UTC)
_OUTERMOST, _INNERMOST = -(2**31), 2**31


@contextmanager
def harness(
    bus: ActorBus,
    *,
    consume: Consume = "all",
    start: datetime = START,
    services: Mapping[Any, Any] | None = None,
    patience: float = 60.0,
) -> Iterator["BusHarness"]:
    """Run a bus for a test on a plain thread, with a store of its own in memory.

    Time begins at `start` (with a time zone) and passes when the test says so: a delay of a day
    takes no time. `services` are injected in the place of what the bus provides. Handlers run as
    they do in production, on trio, threads or asyncio, but what sleeps without trio (`time.sleep`,
    `asyncio.sleep`) takes real time. After `patience` seconds of it a call raises TimeoutError.

    The bus is as it was when the block ends. Raises what entering the bus raises.
    """
    if start.tzinfo is None:
        raise ValueError(f"start={start!r} has no time zone; use datetime(..., tzinfo=UTC)")
    clock = SteppedClock(patience=patience)
    store = SqliteStore(None, clock=RunClock(start.timestamp()))

    def now() -> datetime:
        return start + timedelta(seconds=clock.current_time())

    life = Life(now, partial(datetime.fromtimestamp, tz=start.tzinfo))
    with (
        bus.substituted(store=store, clock=clock, services=services, pace=SELDOM),
        ExitStack() as running,
    ):
        bus.around(order=_INNERMOST, runs_on="trio")(life.handling)
        gateways = (CommandBus, EventBus, QueryBus)
        bus.around(*gateways, order=_OUTERMOST, runs_on="trio")(life.sending)
        with clock.flowing():
            running.enter_context(bus.running_in_thread(consume))
            bus.system.events.subscribe(life.died, MessageDied)
        try:
            yield BusHarness(bus, clock, life, now)
        finally:
            with clock.flowing(works=False):
                running.close()


class BusHarness:
    """What a test does with a bus, and asks of it. Made by `harness`, or the pytest fixture.

    What its methods take as `what` names messages or handlers: a message's type, a message that
    is equal, a routing key, a handler's function or its endpoint id; None means all.

    The `assert_...` methods return what they found, and raise AssertionError, which says what
    there was instead. `times` is how many there are to be; at least one, if not given.
    """

    def __init__(
        self, bus: ActorBus, clock: SteppedClock, life: Life, now: Callable[[], datetime]
    ) -> None:
        self.bus = bus
        self._clock = clock
        self._life = life
        self._now = now
        self._reader = Reader(bus.check(), now().tzinfo)

    def __repr__(self) -> str:
        return f"<BusHarness of {self.bus.name!r} at {self.now}>"

    # -- time -------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The time, on the bus and in its store."""
        return self._now()

    def run_for(self, span: Seconds) -> None:
        """Let so much time pass. All that comes due in it has happened then, in its order."""
        self._clock.advance(_checked("span", span))

    def run_until(self, time: datetime) -> None:
        """Let time pass until then. Raises ValueError for a time that has passed, or is naive."""
        if time.tzinfo is None or time < self.now:
            text = f"give one with a time zone, not before {self.now}"
            raise ValueError(f"time={time!r} is not allowed: {text}")
        self.run_for(time - self.now)

    def run_until_idle(self, within: Seconds = 3600.0) -> None:
        """Let time pass until nothing on a consumed channel is ready or in hand.

        What waits for its time (a delay, a retry) may still wait; `run_for` brings it about.
        Raises AssertionError if that takes more than `within` seconds of virtual time: a
        handler's dependency may be down for good.
        """
        end = self._clock.current_time() + _checked("within", within)
        self._clock.settle()
        while busy := self._busy():
            left = end - self._clock.current_time()
            if left <= 0:
                raise AssertionError(f"not idle after {within} of virtual time:{listed(busy)}")
            self._clock.step(at_most=left)

    # -- messages ---------------------------------------------------------------------------

    def send(self, command: Any, **options: Any) -> Any:
        """Send a command; return what `bus.commands.send` returns."""
        return self.call(self.bus.commands.send, command, **options)

    def publish(self, event: Any, **options: Any) -> Any:
        """Publish an event; return its receipt. Nobody beyond a channel has handled it yet."""
        return self.call(self.bus.events.publish, event, **options)

    def ask(self, query: Any, **options: Any) -> Any:
        """Ask a query; return the answer."""
        return self.call(self.bus.queries.ask, query, **options)

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call any function of the program's; time passes while it waits for the bus.

        What a gateway returns is waited for: `harness.call(desk.place, 7)`. An `async def` function
        runs where the bus's handlers do by default: in its trio run, or on its asyncio loop.
        """
        with self._clock.flowing():
            result = function(*args, **kwargs)
            if inspect.iscoroutine(result):
                result = self._awaited(result)
            elif hasattr(result, "__await__") and hasattr(result, "get"):
                result = result.get()
        self._clock.settle()
        return result

    def fail(
        self,
        handler: Callable[..., Any] | str,
        *,
        times: int = 1,
        error: BaseException | type[BaseException] = RuntimeError,
    ) -> None:
        """Let the next `times` runs of a handler fail with this error, before it begins."""
        known = {spec.endpoint_id for spec in self.bus.handlers}
        found = [
            spec.endpoint_id
            for spec in self.bus.handlers
            if handler in (spec.function, spec.endpoint_id)
        ]
        if not found:
            hint = did_you_mean(str(handler), known)
            raise ValueError(f"no handler {named(handler)} on bus {self.bus.name!r}{hint}")
        for endpoint in found:
            self._life.fail(endpoint, times, error)

    # -- what happened ----------------------------------------------------------------------

    def sent(self, what: What = None) -> list[Sent]:
        """Return the commands, events and queries that left, in their order."""
        return [
            one
            for one in self._life.sent
            if means(what, message=one.message, type_name=one.type_name)
        ]

    def spans(self, what: What = None) -> list[Span]:
        """Return the spans of the lives of these messages, or at these handlers, in order."""
        return [one for one in self._life.spans if what == one.message_id or _meant(what, one)]

    def handled(self, what: What = None) -> list[Span]:
        """Return the runs of handlers that succeeded."""
        return self._of("handled", what)

    def failed(self, what: What = None) -> list[Span]:
        """Return the runs of handlers that failed."""
        return self._of("failed", what)

    def waiting(self, what: What = None) -> list[Waiting]:
        """Return the stored messages that wait for their time, the next one first."""
        found = [self._reader.read(row) for row in self._on_trio(self._rows)]
        return [
            one
            for one in found
            if means(
                what,
                message=one.message,
                type_name=one.type_name,
                endpoint=one.endpoint,
                function=self._function(one.endpoint),
            )
        ]

    def dead_letters(self, what: What = None) -> list[DeadLetterRow]:
        """Return the dead letters, the oldest first."""
        show = self.bus.dead_letters.show
        letters = self.call(self.bus.dead_letters.list, limit=10_000)
        found = [self.call(show, row.copy_id) for row in letters]
        return [
            row
            for row in found
            if means(
                what,
                message=self._reader.decoded(row),
                type_name=row.type_name,
                endpoint=row.endpoint,
                function=self._function(row.endpoint),
            )
        ]

    # -- assertions -------------------------------------------------------------------------

    def assert_sent(self, what: What, *, times: int | None = None) -> list[Sent]:
        """Check that a command, an event or a query left."""
        return _counted(self.sent(what), times, f"{named(what)} sent", self._life.sent)

    def assert_published(self, what: What, *, times: int | None = None) -> list[Sent]:
        """Check that an event was published."""
        events = [one for one in self._life.sent if one.kind == "event"]
        found = [one for one in self.sent(what) if one.kind == "event"]
        return _counted(found, times, f"{named(what)} published", events)

    def assert_handled(self, what: What, *, times: int | None = None) -> list[Span]:
        """Check that a message was handled, or that a handler succeeded."""
        return _counted(self.handled(what), times, f"{named(what)} handled", self._life.spans)

    def assert_failed(self, what: What, *, times: int | None = None) -> list[Span]:
        """Check that handlers of a message, or runs of a handler, failed."""
        return _counted(self.failed(what), times, f"{named(what)} failed", self._life.spans)

    def assert_delayed(
        self,
        what: What,
        *,
        by: Seconds | None = None,
        until: datetime | None = None,
        times: int | None = None,
    ) -> list[Waiting]:
        """Check that messages wait for their time: `by` a span from now, or `until` a time."""
        due = until if by is None else self.now + timedelta(seconds=_checked("by", by))
        everything = [one for one in self.waiting() if not one.attempts]
        found = [one for one in self.waiting(what) if not one.attempts]
        if due is not None:
            found = [one for one in found if abs(one.due - due) < _SAME_TIME]
        text = f"{named(what)} delayed" + ("" if due is None else f" until {due}")
        return _counted(found, times, text, everything)

    def assert_dead_lettered(
        self, what: What, *, reason: str | None = None, times: int | None = None
    ) -> list[DeadLetterRow]:
        """Check that a message became a dead letter, and is one still."""
        found = [row for row in self.dead_letters(what) if reason in {None, row.reason}]
        text = f"{named(what)} dead-lettered" + ("" if reason is None else f" ({reason})")
        ends = [one for one in self._life.spans if one.outcome == "dead letter"]
        return _counted(found, times, text, ends)

    def assert_nothing_left(self) -> None:
        """Check that nothing is ready, in hand, waiting, parked or dead."""
        queues = self.call(self.bus.health).queues or ()
        left = [
            queue
            for queue in queues
            if queue.ready + queue.waiting + queue.claimed + queue.parked + queue.dead
        ]
        if left:
            raise AssertionError(f"expected nothing to be left; there is:{listed(left)}")

    # -- inside -----------------------------------------------------------------------------

    def _of(self, outcome: Outcome, what: What) -> list[Span]:
        return [one for one in self.spans(what) if one.outcome == outcome]

    def _busy(self) -> list[str]:
        health = self.call(self.bus.health)
        return [
            f"{endpoint.endpoint}: {endpoint.ready} ready, {endpoint.in_flight} in hand"
            for channel in health.channels
            for endpoint in channel.endpoints
            if endpoint.ready or endpoint.in_flight
        ]

    def _function(self, endpoint: str) -> Callable[..., Any] | None:
        return self._reader.function_of(endpoint)

    def _awaited(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async def run() -> T:
            return await coroutine

        system = self.bus.system
        if system.runs_on == "asyncio":
            result: T = system.run(system.run_on_asyncio, run).get()
            return result
        return system.run(run).get()

    def _on_trio(self, function: Callable[..., Any], *arguments: Any) -> Any:
        with self._clock.flowing():
            return self.bus.system.run(function, *arguments).get()

    async def _rows(self) -> Any:
        async with await self.bus.store.snapshot("the test") as snapshot:
            return await snapshot.fetch(QUERY)


_SAME_TIME = timedelta(milliseconds=1)


def _meant(what: What, span: Span) -> bool:
    return means(
        what,
        message=span.message,
        type_name=span.type_name,
        endpoint=span.endpoint,
        function=span.function,
    )


def _counted(found: list[T], times: int | None, text: str, instead: object) -> list[T]:
    if found if times is None else len(found) == times:
        return found
    wanted = "at least once" if times is None else f"{times} times"
    raise AssertionError(
        f"expected {text} {wanted}, found {len(found)}; there was:{listed(instead)}"
    )


def _checked(name: str, span: Seconds) -> float:
    seconds = as_seconds(span)
    if seconds is None or seconds < 0:
        raise ValueError(f"{name}={span!r} is not allowed: give seconds, 0 or more")
    return seconds
