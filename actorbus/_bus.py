"""ActorBus: where everything is declared, and where a run of it begins."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal, TypeVar, Unpack, overload

import trio

from actorbus._calls import Answer
from actorbus._channel import Channel, StoreChannel
from actorbus._configuration import Configuration, Declared, NamedType, configured
from actorbus._delivery import Unfinished
from actorbus._errors import BusStateError, ConfigurationError, Problem
from actorbus._gateway import CommandBus, EventBus, Gateway, QueryBus, Sender
from actorbus._handlers import (
    Declaration,
    HandlerSpec,
    Kind,
    caller,
    caller_place,
    enclosing_names,
    place_of,
)
from actorbus._options import HandlerOptions, QueryHandlerOptions, RunsOn, as_seconds
from actorbus._recovery import DeadLetters
from actorbus._running import BusRun, Settings
from actorbus._services import Scope, Service
from actorbus._store import ProcessRow, Store
from actorbus._types import did_you_mean
from actorbus.endpoints._workload import Counts
from actorbus.operations import BusHealth
from actors import ActorSystem, Reply
from supervisors import Strategy

F = TypeVar("F", bound=Callable[..., Any])
G = TypeVar("G", bound=Gateway)
C = TypeVar("C", bound=type)
Consume = Literal["all", "none"] | Collection[str]

_MAX_MESSAGE_BYTES = 1_048_576
_MISSING: Any = object()


class ActorBus:
    """A message bus: handlers and channels are declared on it, then it is run.

    `store` is "sqlite:///shop.db" (a path relative to the working directory; four slashes for an
    absolute one), ":memory:" for tests, or a Store. `runs_on` says where `async def` handlers
    run: "trio" or "asyncio"; by default the world that the bus is entered from. `lease` is how
    many seconds pass before the messages of a dead process are taken by another. `seed` makes
    jitter repeatable. A message larger than `max_message_bytes`, headers included, is refused to
    its sender. Stopping takes at most `shutdown_timeout` seconds for what is being handled.

    `counters` are plain numbers of what became of messages in this process since the bus was last
    entered, and `unfinished` the messages that were begun and cut off when it stopped; both stay
    after the end. `dead_letters` finds, mends and replays them while it runs.

    Declaring checks nothing: all that is wrong is reported together when the bus is entered.
    """

    def __init__(
        self,
        name: str,
        store: str | Store = ":memory:",
        *,
        runs_on: Literal["trio", "asyncio"] | None = None,
        strategy: Strategy | None = None,
        lease: float = 10.0,
        shutdown_timeout: float = 5.0,
        max_message_bytes: int = _MAX_MESSAGE_BYTES,
        seed: int | None = None,
        clock: trio.abc.Clock | None = None,
    ) -> None:
        self.name = name
        self._store = store
        self._runs_on = runs_on
        self._strategy = strategy
        self._clock = clock
        self._settings = Settings(name, lease, shutdown_timeout, max_message_bytes, seed)
        self._declared = Declared(name)
        self._run: BusRun | None = None
        self._entered = False
        self._pid = os.getpid()
        self.commands = CommandBus(self)
        self.events = EventBus(self)
        self.queries = QueryBus(self)
        self.dead_letters = DeadLetters(lambda: self._running().store, self._call)
        self.counters = Counts()
        self.unfinished: tuple[Unfinished, ...] = ()

    def __repr__(self) -> str:
        state = "running" if self._run is not None else "not running"
        return f"<ActorBus {self.name!r}, {state}>"

    # -- declaring --------------------------------------------------------------------------

    @overload
    def command_handler(self, function: F, /) -> F: ...
    @overload
    def command_handler(
        self, routing_key: str | None = None, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[F], F]: ...
    def command_handler(self, target: Any = None, /, **options: Any) -> Any:
        """Declare the handler of a command: `@bus.command_handler`, with or without options.

        Its first parameter is the message; its type says which. The others are filled in by their
        annotations. With a routing key, `@bus.command_handler("orders.place")`, it takes plain
        data that is sent under that key. Options: see `HandlerOptions`.
        """
        return self._decorate("command", target, options, caller())

    @overload
    def event_handler(self, function: F, /) -> F: ...
    @overload
    def event_handler(
        self, routing_key: str | None = None, /, **options: Unpack[HandlerOptions]
    ) -> Callable[[F], F]: ...
    def event_handler(self, target: Any = None, /, **options: Any) -> Any:
        """Declare a subscriber of an event; like `command_handler`, but there may be many."""
        return self._decorate("event", target, options, caller())

    @overload
    def query_handler(self, function: F, /) -> F: ...
    @overload
    def query_handler(
        self, routing_key: str | None = None, /, **options: Unpack[QueryHandlerOptions]
    ) -> Callable[[F], F]: ...
    def query_handler(self, target: Any = None, /, **options: Any) -> Any:
        """Declare the handler of a query. Options: see `QueryHandlerOptions`."""
        return self._decorate("query", target, options, caller())

    def _decorate(self, kind: Kind, target: Any, options: Mapping[str, Any], frame: Any) -> Any:
        if callable(target):
            self._declare(kind, target, None, options, frame)
            return target

        def decorate(function: F) -> F:
            self._declare(kind, function, target, options, frame)
            return function

        return decorate

    def _declare(
        self,
        kind: Kind,
        function: Callable[..., Any],
        routing_key: str | None,
        options: Mapping[str, Any],
        frame: Any,
    ) -> None:
        self._refuse_while_running("declare a handler")
        handlers = self._declared.handlers
        enclosing = enclosing_names(function, frame)
        handlers.append(
            Declaration(kind, function, routing_key, dict(options), len(handlers), enclosing)
        )

    @overload
    def message(self, target: C, /) -> C: ...
    @overload
    def message(self, name: str, /) -> Callable[[C], C]: ...
    def message(self, target: Any, /) -> Any:
        """Register a message type, under a name of its own: `@bus.message("shop.OrderPlaced")`.

        Types that a handler takes are registered by that, as `module.QualName`. Others, like
        events without subscribers here, have to be: what a bus does not know it refuses to send.
        """
        if not isinstance(target, str):
            return self._name_type(target, None)

        def decorate(message_type: C) -> C:
            return self._name_type(message_type, target)

        return decorate

    def _name_type(self, message_type: C, name: str | None) -> C:
        self._refuse_while_running("register a message type")
        self._declared.types.append(NamedType(message_type, name, place_of(message_type)))
        return message_type

    def add_channel(self, channel: str | Channel, /, **options: Any) -> None:
        """Declare a channel on the store: by name and options, or a `DynamicChannel(...)`.

        The options are those of `StoreChannel`.
        """
        self._refuse_while_running("add a channel")
        where = caller_place(caller())
        if isinstance(channel, str):
            try:
                channel = StoreChannel(channel, **options)
            except TypeError as error:
                self._declared.problems.append(Problem(where, f"channel {channel!r}: {error}"))
                channel = StoreChannel(str(channel))
        elif options:
            given = ", ".join(f"{name}=" for name in options)
            raise TypeError(f"{given} belongs into {type(channel).__name__}(...)")
        self._declared.channels.append((channel, where))

    def provide(
        self,
        kind: Any,
        factory: Any = _MISSING,
        /,
        *,
        value: Any = _MISSING,
        scope: Scope = "app",
        runs_on: Literal["trio", "asyncio"] | None = None,
    ) -> None:
        """Inject what `factory` makes wherever a parameter is annotated with this type.

        With scope "app" it is made when the bus starts, with "message" for each message that a
        handler needs it for. The factory's own parameters are filled in by their annotations. A
        coroutine is awaited, an async context manager entered, and left in the end, where async
        handlers run by default or where `runs_on` says. Without a factory the type itself is
        called; `value=` gives the thing itself.
        """
        self._refuse_while_running("provide a service")
        where = caller_place(caller())
        if scope not in {"app", "message"}:
            text = f"scope={scope!r} is not allowed: give 'app' or 'message'"
            self._declared.problems.append(Problem(where, text))
        if value is not _MISSING:
            service = Service(kind, None, value, "app", where)
        else:
            make = kind if factory is _MISSING else factory
            service = Service(kind, make, None, scope, where, runs_on)
        self._declared.services.add(service)

    def gateway(self, kind: type[G]) -> G:
        """Return a gateway of this bus, of a class of yours: `bus.gateway(OutboxEventBus)`.

        One that sends through a channel is to be asked for before the bus starts, so that the
        handlers that its messages are for listen there.
        """
        if kind not in self._declared.gateways and kind.channel is not None:
            self._refuse_while_running(f"add the gateway {kind.__qualname__}")
            self._declared.gateways[kind] = caller_place(caller())
        return kind.at(self)

    # -- looking ----------------------------------------------------------------------------

    def check(self) -> Configuration:
        """Return the checked configuration. Raises ConfigurationError with all that is wrong."""
        if self._run is not None:
            return self._run.configuration
        return configured(self._declared, self._runs_on or "trio")

    @property
    def handlers(self) -> tuple[HandlerSpec, ...]:
        """All handlers, in declared order. Raises ConfigurationError."""
        return self.check().handlers

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels, in declared order."""
        return tuple(channel for channel, _ in self._declared.channels)

    @property
    def types(self) -> Collection[str]:
        """The names of all message types. Raises ConfigurationError."""
        return tuple(self.check().types)

    @property
    def system(self) -> ActorSystem:
        """The actor system, while the bus runs. Raises BusStateError."""
        return self._running().system

    @property
    def store(self) -> Store:
        """The store, while the bus runs; it is used on the trio side. Raises BusStateError."""
        return self._running().store

    # -- how it is --------------------------------------------------------------------------

    def health(self) -> Answer[BusHealth]:
        """Return how the bus is, per channel, endpoint and tenant, while it runs.

        A failing store is part of the answer, not an error. Raises BusStateError.
        """
        return self._call(self._running().delivery.health)

    def idle(self) -> Answer[None]:
        """Wait until nothing that is consumed here is ready, due or in hand.

        Messages that wait for a later time do not count. Raises BusStateError and StoreError.
        """
        return self._call(self._running().delivery.idle)

    def processes(self) -> Answer[list[ProcessRow]]:
        """Return the processes that have this store open, each with its snapshot."""
        return self._call(self._running().store.processes)

    def _call(self, function: Callable[..., Awaitable[Any]], /, *arguments: Any) -> Answer[Any]:
        return self._running().worlds.call(None, function, *arguments)

    def sender(self) -> Sender:
        """Return what the gateways speak to. Raises BusStateError while the bus does not run."""
        run = self._run
        if run is None or self._pid != os.getpid():
            run = self._running()
        return run.sender

    def _running(self) -> BusRun:
        if self._entered and self._pid != os.getpid():
            raise BusStateError(
                f"bus {self.name!r} runs in process {self._pid}, of which this one ({os.getpid()})"
                " is a fork; enter a bus of its own after the fork"
            )
        if self._run is None:
            raise BusStateError(
                f"bus {self.name!r} is not running; enter `async with bus.running():`"
                " (or `with bus.running_in_thread():`) around this"
            )
        return self._run

    def _refuse_while_running(self, what: str) -> None:
        if self._entered:
            raise BusStateError(f"bus {self.name!r} runs: {what} before it is entered")

    # -- running ----------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self, consume: Consume = "all") -> AsyncIterator["ActorBus"]:
        """Run the bus: in this trio run, or under asyncio in a thread of its own.

        It consumes all channels, none ("none": a web worker that only sends), or those named.
        Raises ConfigurationError with everything that is wrong, BusStateError if it is entered
        already, and the store's errors. At the end it stops taking messages, finishes what is
        being handled within `shutdown_timeout`, and releases the rest, which is at once available
        to other processes. The body's exception arrives as it was raised.
        """
        under_trio = trio.lowlevel.in_trio_run()
        run = self._enter(consume, "trio" if under_trio else "asyncio")
        try:
            async with run.system:
                if under_trio:
                    async with run.started():
                        self._run = run
                        yield self
                else:
                    async with self._elsewhere(run):
                        yield self
        finally:
            self._leave(run)

    @contextmanager
    def running_in_thread(self, consume: Consume = "all") -> Iterator["ActorBus"]:
        """Run the bus in a thread of its own, for programs without a loop; see `running`."""
        run = self._enter(consume, "trio")
        try:
            with run.system:
                ready: Reply[None] = Reply()
                served = run.system.run(run.serve, ready)
                try:
                    ready.get()
                    self._run = run
                    yield self
                finally:
                    run.system.run(run.stop).get()
                    served.get()
        finally:
            self._leave(run)

    @asynccontextmanager
    async def _elsewhere(self, run: BusRun) -> AsyncIterator[None]:
        ready: Reply[None] = Reply()
        served = run.system.run(run.serve, ready)
        try:
            await ready
            self._run = run
            yield
        finally:
            await run.system.run(run.stop)
            await served

    def _enter(self, consume: Consume, world: RunsOn) -> BusRun:
        if self._entered and self._pid == os.getpid():
            raise BusStateError(f"bus {self.name!r} is running already; a bus is entered once")
        configuration, store = self._configured(consume, self._runs_on or world)
        system = ActorSystem(
            self.name,
            strategy=self._strategy,
            clock=self._clock,
            seed=self._settings.seed,
            shutdown_timeout=self._settings.shutdown_timeout,
            runs_on=self._runs_on,
        )
        consumed = self._names(consume)
        run = BusRun(self._settings, configuration, store, system, door=self, consumed=consumed)
        self._entered = True
        self._pid = os.getpid()
        self.counters, self.unfinished = run.counts, ()
        return run

    def _leave(self, run: BusRun) -> None:
        self.unfinished = run.unfinished
        self._run = None
        self._entered = False

    def _configured(self, consume: Consume, runs_on: RunsOn) -> tuple[Configuration, Store]:
        """Return what is to run. Raises ConfigurationError with all that is wrong."""
        known = [channel.name for channel in self.channels]
        wrong = [
            Problem("bus.running(consume=...)", f"no channel {name!r}{did_you_mean(name, known)}")
            for name in self._names(consume)
            if name not in known
        ]
        wrong += self._wrong_settings()
        store = self._made_store(wrong)
        try:
            configuration = configured(self._declared, runs_on)
        except ConfigurationError as error:
            raise ConfigurationError(self.name, [*error.problems, *wrong]) from None
        if wrong or store is None:
            raise ConfigurationError(self.name, wrong)
        return configuration, store

    def _wrong_settings(self) -> Iterator[Problem]:
        settings, where = self._settings, "ActorBus(...)"
        if not self.name or "/" in self.name:
            yield Problem(where, f"name={self.name!r} is not allowed: give text without '/'")
        if self._runs_on not in {None, "trio", "asyncio"}:
            allowed = "give 'trio' or 'asyncio'"
            yield Problem(where, f"runs_on={self._runs_on!r} is not allowed: {allowed}")
        for name in ("lease", "shutdown_timeout", "max_message_bytes"):
            seconds = as_seconds(getattr(settings, name))
            if seconds is None or seconds <= 0:
                value = getattr(settings, name)
                yield Problem(where, f"{name}={value!r} is not allowed: give a number above 0")

    def _made_store(self, wrong: list[Problem]) -> Store | None:
        if not isinstance(self._store, str):
            return self._store
        from actorbus.stores import open_store  # noqa: PLC0415  no store's module before it is used

        try:
            return open_store(self._store)
        except ValueError as error:
            wrong.append(Problem("ActorBus(store=...)", str(error)))
            return None

    def _names(self, consume: Consume) -> Collection[str]:
        if consume == "all":
            return [channel.name for channel in self.channels]
        return () if consume == "none" else tuple(consume)
