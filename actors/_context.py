"""ActorContext: what an actor may do with its surroundings, as `self.context`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from actors import _stash, _watch
from actors._errors import ActorDeadError
from actors._ref import ActorRef
from actors._reported import mark_reported
from actors._settings import Seconds, as_seconds
from actors._tasks import start_task
from actors._timers import Timer, schedule

if TYPE_CHECKING:
    from actors._actor import Actor
    from actors._cell import Cell
    from actors._system import ActorSystem
    from supervisors import ChildSpec

A = TypeVar("A", bound="Actor")


class ActorContext:
    """Belongs to one instance: after a restart, or once its thread was written off, it refuses.

    All methods may be called from the handlers of the actor, on whatever thread they run. Children,
    timers, own watches, background tasks and the stash end with the instance.
    """

    __slots__ = ("_actor", "_cell")

    def __init__(self, cell: Cell, actor: Actor) -> None:
        self._cell = cell
        self._actor = actor

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor's own ref."""
        return self._cell.ref

    @property
    def name(self) -> str:
        """Its name among its siblings."""
        return self._cell.name

    @property
    def path(self) -> str:
        """Where it is in its system: `shop/orders/7`."""
        return self._cell.path

    @property
    def parent(self) -> ActorRef[Any] | None:
        """Its parent's ref; None at the root of the system."""
        parent = self._cell.parent
        return None if parent is None else parent.ref

    @property
    def system(self) -> ActorSystem:
        """The system that it belongs to."""
        return self._cell.system

    @property
    def children(self) -> Mapping[str, ActorRef[Any]]:
        """Its children that have not ended, by name, in start order."""
        family = self._cell.family
        return MappingProxyType({} if family is None else family.refs())

    @overload
    def spawn(
        self, factory: ChildSpec, *args: Any, name: str | None = None, **kwargs: Any
    ) -> ActorRef[Any]: ...
    @overload
    def spawn(
        self,
        factory: type[A] | Callable[..., A],
        *args: Any,
        name: str | None = None,
        **kwargs: Any,
    ) -> ActorRef[A]: ...
    def spawn(
        self,
        factory: Callable[..., Actor] | ChildSpec,
        *args: Any,
        name: str | None = None,
        **kwargs: Any,
    ) -> ActorRef[Any]:
        """Start a child and return its ref at once; see `ActorSystem.spawn`."""
        return self._living().own_family().spawn(factory, args, kwargs, name)

    def watch(self, ref: ActorRef[Any]) -> None:
        """Get one `Terminated(ref)` when that actor ends for good, or now if it has ended.

        Raises:
            TypeError: it is no ref of this package; Pykka's own actors tell nobody that they end

        """
        _watch.watch(self._living(), _watch.cell_of(ref))

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Do not get the notice; it may be on its way already."""
        _watch.unwatch(self._living(), _watch.cell_of(ref))

    def stash(self) -> None:
        """Put the message in hand aside; it is not answered until it is handled again.

        Raises:
            MailboxFull: as much is stashed as the mailbox may hold
            RuntimeError: no message is in hand

        """
        _stash.stash_in_hand(self._living())

    def unstash_all(self) -> None:
        """Return the stashed messages to the head of the mailbox, in their order."""
        _stash.unstash(self._living())

    def schedule_once(
        self, delay: Seconds, message: Any, *, to: ActorRef[Any] | None = None
    ) -> Timer:
        """Send `message` to this actor, or another, in `delay` seconds (0: at the next chance).

        It ends with this instance. If the mailbox is full then, the message is skipped and counted.

        Raises:
            ValueError: a negative delay, or NaN

        """
        return schedule(self._living(), as_seconds(delay, "delay", at_least=0.0), message, to, None)

    def schedule_every(
        self,
        interval: Seconds,
        message: Any,
        *,
        to: ActorRef[Any] | None = None,
        initial: Seconds | None = None,
    ) -> Timer:
        """Send `message` each `interval` seconds, first after `initial` (default: the interval).

        A tick that finds the mailbox full is skipped and counted, and so are those that are late
        because the run was blocked: they do not come in a burst.

        Raises:
            ValueError: an interval that is not above 0, a negative `initial`, or NaN

        """
        every = as_seconds(interval, "interval")
        if every <= 0:
            raise ValueError(f"interval={interval!r} is not allowed: give more than 0 seconds")
        first = every if initial is None else as_seconds(initial, "initial", at_least=0.0)
        return schedule(self._living(), first, message, to, every)

    def start_soon(
        self,
        async_fn: Callable[..., Awaitable[object]],
        *args: Any,
        name: str | None = None,
    ) -> None:
        """Run `async_fn(*args)` on trio beside the handlers, as long as this instance lives.

        Its failure is the actor's failure. It is cancelled, and awaited, when the instance is taken
        down.
        """
        start_task(self._living(), async_fn, args, name)

    def told_of(self, error: BaseException) -> None:
        """Note that a failure was told of in better words: the log need not have its traceback.

        It is a failure like any other: raise it, and it is published, counted and supervised.
        """
        mark_reported(error)

    def _living(self) -> Cell:
        if self._cell.actor is not self._actor:
            raise ActorDeadError(f"{self._cell.path}: this instance was replaced or has ended")
        return self._cell
