"""ActorBus: what was declared on it is checked, and a run of it begins and ends here."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import trio

from actorbus._calls import Answer
from actorbus._errors import BusConfigurationError, BusStateError, Problem
from actorbus._store import Migrating, ProcessRow, Store, StoreRefused
from actorbus.codecs import Strictness, UnknownFields
from actorbus.configuration._channel_checks import channel_names
from actorbus.configuration._configuration import Configuration, configured
from actorbus.configuration._retention_checks import forgotten_too_soon
from actorbus.configuration._routing_checks import with_targets
from actorbus.consuming._consuming import Consume, Consuming, runs_a_loop, wrong_limits
from actorbus.consuming._limits import Limits, Unfinished
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec, caller, caller_place
from actorbus.distributed._counts import DistributedCounts
from actorbus.distributed._gateway import DistributedBus, DistributedSender, is_distributed
from actorbus.endpoints._workload import BusCounts
from actorbus.gateways._gateway import CommandBus, EventBus, Gateway, QueryBus, Sender
from actorbus.gateways._interface import implementation, is_interface
from actorbus.gateways._listing import GatewayListing, distributed
from actorbus.messages._options import (
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_DEPTH,
    MessageOptions,
    Propagation,
)
from actorbus.messages._types import did_you_mean
from actorbus.operations import BusHealth
from actorbus.operations._parked import Parked
from actorbus.operations._recovery import DeadLetters
from actorbus.operations._supervision import SupervisionControl
from actorbus.options._options import RunsOn, Seconds
from actorbus.outbox._outbox import Outbox
from actorbus.running._entered import EnteredAsync
from actorbus.running._pace import Pace
from actorbus.running._running import BusRun
from actorbus.running._settings import Settings, SystemOptions, Terms, wrong_settings
from actorbus.schedules._operations import Schedules
from actors import ActorDeadError, ActorRef, ActorSystem, Reply
from supervisors import Strategy

if TYPE_CHECKING:
    from actorbus.tuning._recorder import Recorder

G = TypeVar("G", bound=Gateway | DistributedBus)
P = TypeVar("P")

_UNLIMITED = Limits()


class ActorBus(Consuming):
    """A message bus: handlers and channels are declared on it, then it is run.

    `store` is "sqlite:///shop.db" (a path relative to the working directory; four slashes for an
    absolute one), ":memory:" for tests, or a Store. `runs_on` says where `async def` handlers
    run: "trio" or "asyncio"; by default the world that the bus is entered from. `lease` is how
    many seconds pass before the messages of a dead process are taken by another. `seed` makes
    jitter repeatable. Stopping takes at most `shutdown_timeout` seconds for what is being handled.
    A handler that blocks the trio thread for `blocked_after` seconds is reported (None: never).
    Plain handlers run on at most `max_threads` threads, those with `runs_on="process"` in at most
    `max_processes` worker processes (None: one for each processor).

    `conversion` is "strict" ("3" is not 3) or "lax"; a field that a type does not have is refused
    or ignored by `unknown_fields` ("refuse" when strict, "ignore" when lax, unless given). A
    message of more than `max_message_bytes`, headers included, or of more levels of lists and
    mappings than `max_message_depth` is refused to its sender, and is a dead letter where it
    arrives. `propagate_headers` says which user headers of a handled message are passed on to
    what its handler sends: "all", "none", or those named.

    Deduplication keys are remembered for `deduplicate_for` (by default the store's retention, a
    week), which has to be longer than any message may wait for its delay and its retries.

    `counters` are plain numbers of what became of messages in this process since the bus was last
    entered, and `unfinished` the messages that were begun and cut off when it stopped; both stay
    after the end; `distributed_counts` are those of what passes between it and other services.
    `dead_letters` finds, mends and replays them while it runs. `supervision` shows how endpoints
    are supervised, and changes it, in all processes. `outbox` stores messages in
    transactions on connections to PostgreSQL that are the program's own, also while it does not.

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
        blocked_after: float | None = 1.0,
        conversion: Strictness = "strict",
        unknown_fields: UnknownFields | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        max_message_depth: int = MAX_MESSAGE_DEPTH,
        propagate_headers: Propagation = "all",
        deduplicate_for: Seconds | None = None,
        seed: int | None = None,
        max_threads: int = 256,
        max_processes: int | None = None,
        clock: trio.abc.Clock | None = None,
    ) -> None:
        super().__init__(name)
        self._declared.messages = MessageOptions(
            conversion, unknown_fields, max_message_bytes, max_message_depth, propagate_headers
        )
        self._store = store
        self._clock = clock
        self._system_options = SystemOptions(
            runs_on, strategy, blocked_after, max_threads, max_processes
        )
        self._settings = Settings(
            name, lease, shutdown_timeout, seed, deduplicate_for=deduplicate_for
        )
        self._run: BusRun | None = None
        self._recorder: Recorder | None = None
        self._pid = os.getpid()
        self.commands = CommandBus(self)
        self.events = EventBus(self)
        self.queries = QueryBus(self)
        self.distributed = DistributedBus(self)
        self.dead_letters = DeadLetters(
            lambda: self._running().store,
            self._call,
            lambda: self._running().configuration,
        )
        self.schedules = Schedules(
            lambda: self._running().store,
            self._call,
            lambda: self._running().configuration,
            lambda: self._running().look_at_schedules(),
            seed,
        )
        self.outbox = Outbox(name, self.check, lambda: self._store)
        self.supervision = SupervisionControl(name, self._running, self._call)
        self.parked = Parked(lambda: self._running().store, self._call)
        self.counters = BusCounts()
        self.distributed_counts = DistributedCounts()
        self.unfinished: tuple[Unfinished, ...] = ()

    def __repr__(self) -> str:
        state = "running" if self._run is not None else "not running"
        return f"<ActorBus {self.name!r}, {state}>"

    # -- looking ----------------------------------------------------------------------------

    @overload
    def gateway(self, kind: type[G]) -> G: ...
    @overload
    def gateway(self, kind: Callable[..., P]) -> P: ...
    def gateway(self, kind: Any) -> Any:
        """Return a gateway of this bus, of a class of yours: `bus.gateway(OutboxEventBus)`.

        With a business interface (a Protocol whose methods are marked as `command`, `event` or
        `query`), return what implements it on this bus.

        One that sends through a channel is to be asked for before the bus starts, so that the
        handlers that its messages are for listen there.
        """
        if is_interface(kind):
            self._declare_interface(kind, caller_place(caller()))
            return implementation(kind)(self)
        if is_distributed(kind):
            self._declare_distributed(kind, caller_place(caller()))
            return kind.at(self)
        if not isinstance(kind, type) or not issubclass(kind, Gateway):
            raise TypeError(
                f"{kind!r} is neither a gateway nor a Protocol with methods marked as @command,"
                " @event or @query"
            )
        if kind not in self._declared.gateways:
            if kind.channel is not None:
                self._refuse_while_running(f"add the gateway {kind.__qualname__}")
            if not self._entered:
                self._declared.gateways[kind] = caller_place(caller())
        return kind.at(self)

    def _declare_distributed(self, kind: type[DistributedBus], where: str) -> None:
        gateways = self._declared.distribution.gateways
        if kind not in gateways:
            self._refuse_while_running(f"add the gateway {kind.__qualname__}")
            gateways[kind] = where

    def _declare_interface(self, interface: type, where: str) -> None:
        if interface not in self._declared.interfaces:
            self._refuse_while_running(f"add the interface {interface.__qualname__}")
            self._declared.interfaces[interface] = where

    def gateways(self) -> tuple[GatewayListing, ...]:
        """Return all gateways and methods of business interfaces. Raises ConfigurationError.

        The bus's own three come first, then those that the program asked for and those that
        handlers are given; last, those to other services.
        """
        configuration = self.check()
        return (*configuration.gateways, *distributed(configuration.distribution.gateways))

    def check(self) -> Configuration:
        """Return the checked configuration. Raises ConfigurationError with all that is wrong."""
        if self._run is not None:
            return self._run.configuration
        return self._configured("none", self._system_options.runs_on or "trio")[0]

    def missing_store(self) -> str | None:
        """Return the name of the store if it is not there yet, so that running would make it."""
        store = self._made_store([])
        return None if store is None or store.exists() else repr(store)

    def tables(self) -> Migrating:
        """Return what says which version the store's tables are of, and migrates them, on trio.

        It needs no running bus. Raises ConfigurationError for a store of no known kind,
        StoreRefused for one whose tables have no versions.
        """
        wrong: list[Problem] = []
        store = self._made_store(wrong)
        if store is None:
            raise BusConfigurationError(self.name, wrong)
        if not isinstance(store, Migrating):
            raise StoreRefused(f"{store!r} keeps no tables that could be migrated")
        return store

    @property
    def is_running(self) -> bool:
        """Whether it has been entered, and has started."""
        return self._run is not None

    @property
    def handlers(self) -> tuple[HandlerSpec, ...]:
        """All handlers, in declared order, those of error channels last.

        Raises ConfigurationError.
        """
        return self.check().endpoints

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

    # -- recording --------------------------------------------------------------------------

    def record(
        self,
        path: str | os.PathLike[str],
        *,
        for_: Seconds | None = None,
        max_events: int = 1_000_000,
        max_size: int = 100_000_000,
        overwrite: bool = False,
    ) -> "Recorder":
        """Record the failures and the load of this process, for `actorbus tune`.

        A context manager, `with` on a plain thread and `async with` under trio and asyncio, around
        a run of the bus or within it. The file has times, numbers and the names of endpoints and
        of exceptions' types; no payloads, ids, tenants or texts. Handlers never wait for it: what
        cannot be written as fast as it comes is counted in the file.

        It ends with its block, with the run, after `for_` seconds (or a timedelta), at
        `max_events`, at `max_size` bytes, or when the file cannot be written: then the event
        RecordingEnded says so, and the bus goes on. A file that is there is overwritten only if
        that is asked for (FileExistsError). Raises ConfigurationError; entering it raises OSError,
        and BusStateError while another recording lasts.
        """
        from actorbus.tuning._recorder import Recorder, bounds_of  # noqa: PLC0415  only who records needs it

        bounds, wrong = bounds_of(for_, max_events, max_size)
        if wrong:
            problems = [Problem("bus.record(...)", text) for text in wrong]
            raise BusConfigurationError(self.name, problems)
        return Recorder(self, self.name, Path(path), bounds, overwrite=overwrite)

    def begin_recording(self, recorder: "Recorder") -> None:
        """Have it attached, now or when the bus starts: for the recorder. Raises BusStateError."""
        run = self._run
        if self._recorder is not None:
            raise BusStateError(f"bus {self.name!r} is recorded already, to {self._recorder.path}")
        if run is not None and run.only_looks:
            raise BusStateError(f"bus {self.name!r} only looks at its store: nothing can happen")
        self._recorder = recorder
        if run is not None:
            run.system.call_soon(run.record, recorder)

    def end_recording(self, recorder: "Recorder") -> None:
        """Have it finished on the trio side: for the recorder."""
        self._recorder = None
        run = self._run
        try:
            if run is not None:
                run.system.post(recorder.finish)
                return
        except ActorDeadError:
            pass  # it has ended meanwhile
        recorder.finish()

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

    def channel_ref(self, channel: str) -> "ActorRef[Any]":
        """Return the router of a channel, to send to it as to an actor, from any thread.

        What is told or asked, a message or a `Letter` with options of its own, is stored on the
        channel for those of its handlers that take it, as a gateway would store it, but never
        with a handler's transaction. An ask is answered with the message's id, or with what
        a gateway would raise. A message that was told and could not be stored becomes a dead letter
        of the actor system (`actors.events.DeadLetter`) and an error in the log. While the store
        fails both are tried again for some seconds. Raises BusStateError, and ValueError for
        a name that no channel has.
        """
        names = channel_names(self._declared)
        if channel not in names:
            raise ValueError(f"no channel {channel!r}{did_you_mean(channel, names)}")
        return self._running().delivery.router(channel)

    def refresh_tenants(self, channel: str) -> Answer[None]:
        """Ask a dynamic channel's `tenants=` function now, for a tenant that was just added.

        What was parked for it goes on. Raises what the function raises, BusStateError, and
        ValueError for a name that no channel has.
        """
        self.channel_ref(channel)
        return self._call(self._running().delivery.refresh_tenants, channel)

    def _call(self, function: Callable[..., Awaitable[Any]], /, *arguments: Any) -> Answer[Any]:
        return self._running().worlds.call(None, function, *arguments)

    def sender(self) -> Sender:
        """Return what the gateways speak to. Raises BusStateError while the bus does not run."""
        run = self._run
        if run is None or self._pid != os.getpid():
            run = self._running()
        return run.sender

    def distributed_sender(self) -> DistributedSender:
        """Return what the gateways to other services speak to. Raises BusStateError."""
        return self._running().distributed_sender

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

    # -- running ----------------------------------------------------------------------------

    def running(
        self, consume: Consume = "all", *, prioritised: bool = False
    ) -> AbstractAsyncContextManager["ActorBus"]:
        """Run the bus: in this trio run, or under asyncio in a thread of its own.

        It consumes all channels, none ("none": a web worker that only sends), or those named.
        With `prioritised` each of them takes messages only while those named, or declared, before
        it have nothing ready.

        Raises ConfigurationError with everything that is wrong, BusStateError if it is entered
        already, and the store's errors. At the end it stops taking messages, finishes what is
        being handled within `shutdown_timeout`, and releases the rest, which is at once available
        to other processes. The body's exception arrives as it was raised.
        """
        return EnteredAsync(self._run_here(consume, prioritised=prioritised))

    @asynccontextmanager
    async def _run_here(
        self, consume: Consume, limits: Limits = _UNLIMITED, *, prioritised: bool = False
    ) -> AsyncIterator["ActorBus"]:
        under_trio = trio.lowlevel.in_trio_run()
        run = self._enter(consume, "trio" if under_trio else "asyncio", limits, prioritised)
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

    def running_in_thread(
        self, consume: Consume = "all", *, prioritised: bool = False
    ) -> AbstractContextManager["ActorBus"]:
        """Run the bus in a thread of its own, for programs without a loop; see `running`.

        Raises BusStateError on a thread that runs an event loop, too.
        """
        return self._run_in_thread(consume, prioritised=prioritised)

    @contextmanager
    def _run_in_thread(
        self, consume: Consume, limits: Limits = _UNLIMITED, *, prioritised: bool = False
    ) -> Iterator["ActorBus"]:
        if runs_a_loop():
            raise BusStateError(
                "this thread runs an event loop, which `with bus.running_in_thread():` would stop;"
                " enter `async with bus.running():` and await the calls"
            )
        run = self._enter(consume, "trio", limits, prioritised)
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
    async def looking(self) -> AsyncIterator["ActorBus"]:
        """Open the store and nothing else, under trio: for `dead_letters`, `processes` and `store`.

        No service is made, so this works while what they need is down; nothing can be sent.
        Raises what `running` raises.
        """
        run = self._enter("none", "trio")
        try:
            async with run.system, run.opened():
                self._run = run
                yield self
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

    @contextmanager
    def substituted(
        self,
        *,
        store: str | Store | None = None,
        clock: trio.abc.Clock | None = None,
        services: Mapping[Any, Any] | None = None,
        pace: Pace | None = None,
    ) -> Iterator["ActorBus"]:
        """Within the block, run with another store, another clock, or other services: for tests.

        `services` are values by the types that they are injected for. `pace` is how often the
        store is looked after. What is declared within the block is forgotten after it. Raises
        BusStateError while the bus runs.
        """
        self._refuse_while_running("substitute its parts")
        where = caller_place(caller())
        before = self._declared, self._store, self._clock, self._settings
        self._declared = self._declared.copied()
        self._declared.services = self._declared.services.with_values(services or {}, where)
        self._store = self._store if store is None else store
        self._clock = self._clock if clock is None else clock
        self._settings = replace(self._settings, pace=pace)
        try:
            yield self
        finally:
            self._declared, self._store, self._clock, self._settings = before

    def _enter(
        self,
        consume: Consume,
        world: RunsOn,
        limits: Limits = _UNLIMITED,
        prioritised: bool = False,  # noqa: FBT001, FBT002  inside only
    ) -> BusRun:
        if self._entered and self._pid == os.getpid():
            raise BusStateError(f"bus {self.name!r} is running already; a bus is entered once")
        configuration, store = self._configured(
            consume, self._system_options.runs_on or world, limits
        )
        system = self._system_options.make_system(self._settings, self._clock)
        terms = Terms(list(self._names(consume)), limits, prioritised)
        run = BusRun(self._settings, configuration, store, system, door=self, terms=terms)
        run.recorder = self._recorder
        self._entered = True
        self._pid = os.getpid()
        self.counters, self.unfinished = run.counts, ()
        self.distributed_counts = run.distributed_counts
        return run

    def _leave(self, run: BusRun) -> None:
        self.unfinished = run.unfinished
        self._run = None
        self._entered = False

    def _configured(
        self, consume: Consume, runs_on: RunsOn, limits: Limits = _UNLIMITED
    ) -> tuple[Configuration, Store]:
        """Return what is to run. Raises ConfigurationError with all that is wrong."""
        known = channel_names(self._declared)
        wrong = [
            Problem("bus.running(consume=...)", f"no channel {name!r}{did_you_mean(name, known)}")
            for name in self._names(consume)
            if name not in known
        ]
        if isinstance(consume, str) and consume in known:
            text = f"consume={consume!r} is one text: give 'all', 'none' or a list, [{consume!r}]"
            wrong = [Problem("bus.running(consume=...)", text)]
        wrong += wrong_settings(self._settings, self._system_options)
        wrong += wrong_limits(limits)
        store = self._made_store(wrong)
        try:
            configuration = configured(self._declared, runs_on)
        except BusConfigurationError as error:
            raise BusConfigurationError(self.name, [*error.problems, *wrong]) from None
        if store is not None:
            asked = self._settings.deduplicate_for
            wrong += forgotten_too_soon(configuration, store.retention, asked)
        if wrong or store is None:
            raise BusConfigurationError(self.name, wrong)
        return configuration, store

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
            others = self._declared.distribution.foreign_channels()
            return [channel.name for channel in self.channels if channel.name not in others]
        names = [consume] if isinstance(consume, str) else consume
        return () if consume == "none" else with_targets(names, self._declared)
