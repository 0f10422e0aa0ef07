"""Cell: what stays of an actor while its instances come and go.

It holds the mailbox, the ref, the name, the watchers and the supervision state, and takes orders.
Two parts act for it: `_life` starts, judges and takes down its instances in one trio task, `_loop`
empties the mailbox on that task or on a pool thread.

Rules: (1) whoever owns the mailbox runs handlers; `owns` says whether the trio task does;
       (2) status, orders and reports change in the trio thread only;
       (3) an order sets `mailbox.interrupted`, which both loops look at between two messages;
       (4) every change is followed by `unpark`, and the task looks again at everything.
"""

from __future__ import annotations

import contextvars
import logging
import math
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

import trio
from pykka import ActorDeadError, messages

from actors import _loop
from actors._colour import prefers_threads
from actors._errors import MailboxFull
from actors._events import (
    Event,
    HookFailed,
    MailboxOverflow,
    StopReason,
)
from actors._lanes import Envelope, Item, as_envelope
from actors._mailbox import NOTHING, Mailbox, MailboxQueue
from actors._ref import ActorRef
from actors._reply import Reply
from actors._settings import RunsOn, Settings
from actors._tasks import BackgroundTask
from actors._timers import Timer
from supervisors import (
    ChildState,
    DrawStream,
    LifecycleEvent,
    OneForOne,
    Status,
    Strategy,
    draw_stream,
    transition,
)

if TYPE_CHECKING:
    from actors._actor import Actor
    from actors._blocking import OwnThread
    from actors._ending import Report, Ticket
    from actors._supervisor import Family
    from actors._system import ActorSystem


logger = logging.getLogger("pykka")


class Order(Enum):
    """What a parent, or `ref.kill()`, orders a cell to do."""

    SUSPEND = "take the instance down, and wait for START"
    START = "make an instance"
    STOP = "end for good"


class _Building(threading.local):
    """The cell whose instance this thread is making."""

    cell: Cell | None = None


building = _Building()


class Cell:
    """See the module."""

    __slots__ = (
        "_changed",
        "_draws",
        "_parked",
        "_started",
        "_stopped_event",
        "_terminated",
        "_urn",
        "actor",
        "args",
        "careful",
        "deadline",
        "ended",
        "factory",
        "family",
        "hand",
        "has_task",
        "history",
        "index",
        "injected",
        "kwargs",
        "last_async",
        "last_cause",
        "last_plain",
        "last_words",
        "left",
        "mailbox",
        "name",
        "on_thread",
        "order",
        "owns",
        "plain",
        "reason",
        "ref",
        "report",
        "restarts",
        "scope",
        "settings",
        "siblings",
        "static",
        "status",
        "stop_asked",
        "succeeded",
        "system",
        "tasks",
        "thread_context",
        "ticket",
        "timers",
        "up_since",
        "watchers",
        "watching",
        "workers",
    )

    mailbox: MailboxQueue
    ref: ActorRef[Any]

    def __init__(  # noqa: PLR0917  # made in one place, by its family
        self,
        system: ActorSystem,
        siblings: Family | None,
        name: str,
        factory: Callable[..., Actor],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        settings: Settings | None,
    ) -> None:
        self.system = system
        self.siblings = siblings
        self.name = name
        self.factory = factory
        self.args = args
        self.kwargs = kwargs
        self.settings: Settings = settings or cast(
            "Settings", getattr(factory, "_settings", _DEFAULT_SETTINGS)
        )
        self.index = 0
        self.static = False
        self.actor: Actor | None = None
        self.family: Family | None = None
        # supervision
        self.status = Status.STARTING
        self.history: ChildState | None = None
        self.up_since: float | None = None
        self.succeeded = False
        self.restarts = 0
        self.last_cause: BaseException | None = None
        self.last_words = ""  # of the failure that was logged last
        # orders
        self.order: Order | None = None
        self.deadline = math.inf
        self.reason: StopReason = "stopped"
        self.injected: BaseException | None = None
        self.stop_asked = False
        self.left: list[Envelope] | None = None
        self.ended = False
        # the loop
        self.owns = True
        self.careful = False
        self.plain = False  # whether `on_receive` is
        self.last_async: object = None  # the last handler that was looked at and found async
        self.last_plain: object = None
        self.on_thread = False
        self.has_task = True  # or will have: it is False while there is none, see `_taskless`
        self.hand: Item = NOTHING
        self.report: Report | None = None
        self.ticket: Ticket | None = None
        self.workers: OwnThread | None = None
        self.thread_context: contextvars.Context | None = None
        self.scope: trio.CancelScope | None = None
        self._parked: trio.lowlevel.Task | None = None
        self._changed: trio.Event | None = None
        # made when first used
        self._urn: str | None = None
        self._draws: DrawStream | None = None
        self._stopped_event: threading.Event | None = None
        self._started: Reply[None] | None = None
        self._terminated: Reply[None] | None = None
        self.watchers: dict[Cell, None] | None = None
        self.watching: dict[Cell, None] | None = None
        self.timers: set[Timer] | None = None
        self.tasks: set[BackgroundTask] | None = None

    def __repr__(self) -> str:
        return f"<Cell {self.path} {self.status}>"

    # -- who it is ---------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The names from the system's down to this one, joined by slashes."""
        return self.name if self.siblings is None else f"{self.siblings.path}/{self.name}"

    @property
    def label(self) -> str:
        """What messages to people call it: its path, or Pykka's name in the default system."""
        return self.urn if self.system.is_default or self.siblings is None else self.path

    @property
    def is_made(self) -> bool:
        """Whether its first instance has come as far as having a mailbox."""
        return getattr(self, "ref", None) is not None

    @property
    def parent(self) -> Cell | None:
        """The cell of the parent; None at the root."""
        return None if self.siblings is None else self.siblings.owner

    @property
    def urn(self) -> str:
        """Pykka's name for it."""
        with self.system.lock:
            if self._urn is None:
                self._urn = uuid.uuid4().urn
            return self._urn

    @property
    def stopped_event(self) -> threading.Event:
        """Pykka's flag that it has ended."""
        with self.system.lock:
            if self._stopped_event is None:
                self._stopped_event = threading.Event()
                if self.ended:
                    self._stopped_event.set()
            return self._stopped_event

    def adopt(self, actor: Actor) -> None:
        """Take the instance that is being made; the first one brings mailbox and ref."""
        self.actor = actor
        if getattr(self, "mailbox", None) is None:
            if self.settings is _DEFAULT_SETTINGS:
                self.settings = type(actor)._settings
            elif not hasattr(self.factory, "_settings"):  # a function, in a spec
                self.settings = self.settings.with_class(type(actor)._settings)
            mailbox = self.settings.mailbox
            if self.system.is_default and mailbox is _DEFAULT_SETTINGS.mailbox:
                mailbox = _MAILBOX_OF_THE_DEFAULT_SYSTEM
            self.mailbox = MailboxQueue(mailbox, self)
            self.mailbox.interrupted = self.order is not None  # it came while `__init__` ran
            self.ref = ActorRef(self, self.mailbox, type(actor))
            self.plain = self.on_thread = prefers_threads(actor)
            self.careful = (
                self.settings.handler_timeout is not None
                or self.runs_on == "asyncio"
                or self.settings.runs_on == "process"
            )

    def build(self) -> Actor:
        """Make an instance on this thread. What its `__init__` raises passes through."""
        previous = building.cell
        building.cell = self
        try:
            actor = self.factory(*self.args, **self.kwargs)
        finally:
            building.cell = previous
        if getattr(actor, "_cell", None) is not self:
            raise TypeError(
                f"{self.path}: {self.factory!r} returned {actor!r}. Actor.__init__() has not been "
                "called. Did you forget to call super() in your override?"
            )
        return actor

    def own_family(self) -> Family:
        """Return its children's family, made when first used."""
        from actors._supervisor import Family  # noqa: PLC0415  # a family makes cells

        with self.system.lock:
            if self.family is None:
                if self.left is not None or self.actor is None:
                    raise ActorDeadError(f"{self.path} has ended, or is ending")
                self.family = Family(self.system, self)
            return self.family

    @property
    def runs_on(self) -> RunsOn:
        """Which event loop runs its `async def` handlers."""
        own = self.settings.runs_on
        return self.system.runs_on if own is None or own == "process" else own

    def draws(self) -> DrawStream:
        """Return its own stream of random numbers: the same seed and path give the same ones."""
        if self._draws is None:
            self._draws = draw_stream(self.system.seed, self.path)
        return self._draws

    def parental_strategy(self) -> Strategy:
        """Return the strategy that it is supervised by."""
        return DEFAULT_STRATEGY if self.siblings is None else self.siblings.strategy

    def work(self) -> None:
        """Empty the mailbox: the job that its threads run."""
        _loop.work(self)

    def context_of_thread(self) -> contextvars.Context:
        """Return the context that its plain handlers share."""
        if self.thread_context is None:
            self.thread_context = self.system.base_context.copy()
        return self.thread_context

    # -- replies about its life --------------------------------------------------------------

    def started(self) -> Reply[None]:
        """Return the reply of the first start."""
        with self.system.lock:
            if self._started is None:
                self._started = Reply()
                self._started._observed = True
                if self.up_since is not None or self.restarts:
                    self._started.settle((None, None, None))
                elif self.ended:
                    self._started.fail(ActorDeadError(f"{self.path} ended before it had started"))
            return self._started

    def terminated(self) -> Reply[None]:
        """Return the reply of the end."""
        with self.system.lock:
            if self._terminated is None:
                self._terminated = Reply()
                if self.ended:
                    self._terminated.settle((None, None, None))
            return self._terminated

    # -- the message in hand -----------------------------------------------------------------

    @property
    def in_hand(self) -> Envelope | None:
        """The message in hand, if any; it gets its envelope now if it came without one."""
        hand = self.hand
        if hand is NOTHING:
            return None
        envelope = self.hand = as_envelope(hand)
        return envelope

    @in_hand.setter
    def in_hand(self, envelope: Envelope | None) -> None:
        self.hand = NOTHING if envelope is None else envelope

    # -- the mailbox's owner -----------------------------------------------------------------

    def wake(self) -> None:
        """Let the mailbox be emptied: called by whoever put into one that nobody owned."""
        if self.on_thread:
            _loop.work_on(self)
        elif threading.get_ident() == self.system.thread_id:
            self.owns = True
            self.unpark()
        else:
            self.system.post(self.become_owner)

    def wake_for_stop(self, envelope: Envelope) -> None:
        """As `wake`, for a stop request alone: it concerns no thread, and often no task."""
        from actors._taskless import end_at_once  # noqa: PLC0415  # the modules import each other

        if type(envelope.message) is messages._ActorStop and end_at_once(self):
            return
        if threading.get_ident() == self.system.thread_id:
            self.become_owner()
        else:
            self.system.post(self.become_owner)

    def become_owner(self) -> None:
        """Let the trio task own the mailbox: it was put into, or a thread handed it back."""
        self.owns = True
        self.unpark()

    def on_drop(self, envelope: Envelope) -> None:
        """Answer and publish a message that the overflow policy dropped."""
        policy = self.mailbox.settings.overflow
        if envelope.reply_to is not None:
            error = MailboxFull(f"dropped by {self.path}, whose mailbox is full ({policy})")
            envelope.reply_to.fail(error)
        self.publish(MailboxOverflow, envelope.message, policy, self.mailbox.dropped)

    # -- the task ----------------------------------------------------------------------------

    async def park(self) -> None:
        """Wait until something changed; the caller looks at what."""
        await trio.lowlevel.wait_task_rescheduled(self.parked())

    def parked(self) -> Callable[[object], trio.lowlevel.Abort]:
        """Note that the task is about to wait; return what to give to trio."""
        self._parked = trio.lowlevel.current_task()
        return self._abort

    def unpark(self) -> None:
        """Let the task look again at everything. In the trio thread."""
        task, self._parked = self._parked, None
        if task is not None:
            trio.lowlevel.reschedule(task)
        elif not self.has_task:
            self._get_task()

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._parked = None
        return trio.lowlevel.Abort.SUCCEEDED

    def begin(self) -> None:
        """Start it. From any thread."""
        from actors._taskless import begin  # noqa: PLC0415  # the modules import each other

        if not begin(self):
            self.system.post(self.begin_task)

    def begin_task(self) -> None:
        """Start its task. In the trio thread."""
        from actors._end import end  # noqa: PLC0415  # the modules import each other
        from actors._life import run  # noqa: PLC0415  # the modules import each other

        if not self.ended and not self.system.start_task(run, self, name=self.name):
            end(self)

    def _get_task(self) -> None:
        from actors._taskless import claim  # noqa: PLC0415  # the modules import each other

        if claim(self):
            self.begin_task()

    # -- orders ------------------------------------------------------------------------------

    def move(self, event: LifecycleEvent) -> None:
        """Go to the next status. In the trio thread."""
        self.status = transition(self.status, event)
        self.announce()

    def announce(self) -> None:
        """Wake those who wait for a status. In the trio thread."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until `reached()`, looking after each change of status."""
        while not reached():
            if self._changed is None:
                self._changed = trio.Event()
            changed = self._changed
            if not reached():  # looked at again: a thread that ends it looks for the event then
                await changed.wait()

    def give(self, order: Order, reason: StopReason = "shutdown") -> None:
        """Take an order; STOP is never taken back. In the trio thread."""
        if self.ended or self.order is Order.STOP:
            if reason == "killed":  # it may be draining
                self.mailbox.interrupted = True
                self.unpark()
            return
        self.order = order
        if order is Order.STOP:
            self.reason = reason
        if order is not Order.START:
            self.limit(self.settings.shutdown_timeout)
        if order is Order.STOP and self._may_drain(reason):
            self.mailbox.put_always(Envelope(messages._ActorStop()))
        elif self.is_made:
            self.mailbox.interrupted = order is not Order.START
        self.unpark()

    def _may_drain(self, reason: StopReason) -> bool:
        return self.settings.drain and reason == "shutdown" and self.status is Status.RUNNING

    def limit(self, seconds: float) -> None:
        """Let what is in hand have this many seconds."""
        self.deadline = min(self.deadline, trio.current_time() + seconds)
        if self.scope is not None:
            self.scope.deadline = self.deadline

    def inject(self, error: BaseException) -> None:
        """Fail from outside: a background task, or a child that escalated. In the trio thread."""
        if self.injected is None and not self.ended:
            self.injected = error
            self.mailbox.interrupted = True
            self.limit(self.settings.shutdown_timeout)
            self.unpark()

    def obey(self) -> None:
        """Forget the orders that were carried out, all but STOP."""
        if self.order is not Order.STOP:
            self.order = None
            self.deadline = math.inf
            self.mailbox.interrupted = False
        self.injected = None

    @property
    def is_ending(self) -> bool:
        """Whether it, or its whole system, ends for good."""
        return self.order is Order.STOP or self.ended or not self.system.is_running

    def kill(self) -> None:
        """Stop ahead of what waits. From any thread."""
        self.system.post_or_ignore(lambda: self.give(Order.STOP, "killed"))

    def stop_was_asked(self) -> None:
        """During a backoff a stop request means that there will be no new instance."""
        if self.status not in _WITH_INSTANCE and not self.ended:
            self.stop_asked = True
            self.system.post_or_ignore(self.unpark)

    def task_failed(self, error: BaseException, *, stopping: bool) -> None:
        """Take the failure of a background task."""
        if stopping or self.injected is not None or self.status not in _WITH_INSTANCE:
            self.failed_too(error)
        else:
            self.inject(error)

    def failed_too(self, error: BaseException) -> None:
        """Say that a task failed when another failure, or the end, was under way."""
        logger.error("A task of %s failed while it was stopped:", self.path, exc_info=error)
        self.publish(HookFailed, error, "task")

    def discard(self) -> None:
        """End without having begun: its first `__init__` failed. From any thread."""
        self.system.post_or_ignore(self._discard)

    def _discard(self) -> None:
        from actors._end import end  # noqa: PLC0415  # the modules import each other
        from actors._life import discard  # noqa: PLC0415  # the modules import each other

        self.reason = "failed"
        if not self.is_made:
            self.ended = True
            self.announce()
        elif not self.system.start_task(discard, self, name=self.name):
            end(self)

    def state(self) -> ChildState:
        """Return what the strategies see of it; its options are those of now."""
        settings = self.settings
        return replace(
            self.history or ChildState(self.name, self.index, settings.restart),
            intensity=settings.intensity,
            backoff=settings.backoff,
            decider=settings.decider,
            status=self.status,
            up_since=self.up_since,
            succeeded=self.succeeded,
        )

    def remember(self, state: ChildState) -> None:
        """Store what a strategy decided about it."""
        self.history = state
        self.status = state.status
        self.restarts = state.restarts
        self.announce()

    def publish(self, kind: Callable[..., Event], *details: Any) -> None:
        """Publish an event about this actor, if anybody listens. From any thread."""
        system = self.system
        system.count(kind)
        if system.events.has_subscribers:
            system.events.publish(kind(self.path, system.time(), *details))


_WITH_INSTANCE: Final = (Status.STARTING, Status.RUNNING)
"""What fails or is asked to stop in another status finds a decision under way."""

_DEFAULT_SETTINGS = Settings()

_MAILBOX_OF_THE_DEFAULT_SYSTEM = Mailbox(capacity=1_000_000)

DEFAULT_STRATEGY = OneForOne()


def detached_cell() -> Cell:
    """Return a cell for an actor that was made, not spawned: it has a mailbox and never runs."""
    from actors._system import ActorSystem  # noqa: PLC0415  # the system imports this module

    return Cell(ActorSystem("detached"), None, "detached", lambda: None, (), {}, None)  # type: ignore[arg-type,return-value]  # it makes none
