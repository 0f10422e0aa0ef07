"""What happens in a system, as typed values on its event stream.

Every event has the `path` of the actor it is about and the `time` on the system's clock.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from actors._supervising import ActorSupervision
    from supervisors import Strategy

logger = logging.getLogger("pykka")

StopReason: TypeAlias = Literal["stopped", "killed", "failed", "gave up", "shutdown"]
"""Why an actor ended: asked to, killed, by a failure, its restarts used up, with its parent."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    path: str
    time: float


@dataclass(frozen=True, slots=True)
class Started(Event):
    """`on_start` returned; `restarts` is 0 the first time."""

    restarts: int


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """An exception left a handler, a hook or a background task; what follows is another event."""

    exception: BaseException
    phase: Literal["start", "run"]


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The same instance goes on after a failure."""

    exception: BaseException


@dataclass(frozen=True, slots=True)
class BackingOff(Event):
    """A new instance will be made in `delay` seconds; messages wait."""

    delay: float
    restarts: int
    cause: BaseException | None


@dataclass(frozen=True, slots=True)
class Restarted(Event):
    """A new instance has started in place of the old one."""

    restarts: int
    cause: BaseException | None


@dataclass(frozen=True, slots=True)
class GaveUp(Event):
    """The child's restarts are used up."""

    cause: BaseException | None


@dataclass(frozen=True, slots=True)
class Escalated(Event):
    """The child's failure is now its parent's."""

    cause: BaseException


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The actor has ended for good."""

    reason: StopReason


@dataclass(frozen=True, slots=True)
class DeadLetter(Event):
    """A message that was accepted and will not be handled, or not again."""

    message: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Undelivered(Event):
    """What was left in the mailbox of an actor that shutdown ended."""

    count: int
    messages: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MailboxOverflow(Event):
    """A message did not find room and was dropped by the mailbox's policy."""

    message: Any
    policy: str
    dropped: int
    """How many this mailbox has dropped so far."""


@dataclass(frozen=True, slots=True)
class Overran(Event):
    """A handler or hook overran its time to stop; it was cancelled, or its thread left behind."""

    timeout: float
    what: str


@dataclass(frozen=True, slots=True)
class HandlerStuck(Event):
    """A plain handler runs longer than its `handler_timeout`; its pool slot was replaced."""

    timeout: float
    message: Any
    abandoned: bool


@dataclass(frozen=True, slots=True)
class LoopBlocked(Event):
    """One step of a task keeps the trio thread, or the asyncio one, busy or asleep; others wait.

    `path` is the actor in whose task it is, else the system's name; for a handler on asyncio that
    is no actor's own, the system's name and that of the function. Published on a thread of the
    system's, once for each step, while it lasts.
    """

    seconds: float
    """So far, at least."""
    stack: str
    """Where it is, as a traceback has it."""


@dataclass(frozen=True, slots=True)
class PoolFull(Event):
    """All threads, or all worker processes, are busy, and a handler waits for one."""

    holders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SupervisionReplaced(Event):
    """How the actor is supervised, or supervises, was changed while it ran.

    Of the system itself, whose path is its name, they are the strategies of its root actors.
    """

    old: ActorSupervision | Strategy
    new: ActorSupervision | Strategy


@dataclass(frozen=True, slots=True)
class HookFailed(Event):
    """`on_stop` or `on_failure` failed; the actor goes on ending."""

    exception: BaseException
    hook: str


Callback: TypeAlias = Callable[[Event], object]


class Subscription:
    """Ends with `cancel()`; also a context manager."""

    def __init__(self, stream: EventStream, callback: Callback, types: tuple[type, ...]) -> None:
        self._stream = stream
        self.callback = callback
        self.types = types

    def cancel(self) -> None:
        """Get no more events. Calling it again does nothing."""
        self._stream._remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class EventStream:
    """Publishes events to its subscribers, on the thread where they happen.

    A callback must be short and must not block: it often runs inside the trio run. What it raises
    is logged and does not reach the actor that the event is about.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()

    def subscribe(self, callback: Callback, *event_types: type[Event]) -> Subscription:
        """Call `callback(event)` for each event of these types, or for all; from any thread.

        An `ActorRef`'s `tell` is a fine callback: the events then wait in its mailbox.
        """
        subscription = Subscription(self, callback, event_types or (Event,))
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody listens, for those who would build an event often."""
        return bool(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Hand the event to the subscribers for its type, in the order in which they subscribed."""
        for subscription in self._subscriptions:
            if isinstance(event, subscription.types):
                _deliver(subscription, event)

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            kept = (one for one in self._subscriptions if one is not subscription)
            self._subscriptions = tuple(kept)


def _deliver(subscription: Subscription, event: Event) -> None:
    try:
        subscription.callback(event)
    except KeyboardInterrupt:
        raise
    except BaseException:  # foreign code; the actor that the event is about goes on
        logger.exception("A subscriber failed on %r:", event)
