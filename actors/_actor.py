"""Actor: what users subclass. A `pykka.Actor` whose handlers may be `async def`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, cast

from actors._cell import Cell, building, detached_cell
from actors._context import ActorContext
from actors._lanes import Envelope, StopItself
from actors._mailbox import MailboxQueue
from actors._process_class import refuse_class, refuse_function
from actors._ref import ActorRef
from actors._reply import Reply
from actors._settings import Settings
from supervisors import Strategy

logger = logging.getLogger("pykka")


if TYPE_CHECKING:

    class PykkaActor:
        """What type checkers see of `pykka.Actor`: its hooks may be `async def` in ours."""

        def on_start(self) -> Any: ...
        def on_stop(self) -> Any: ...
        def on_receive(self, message: Any, /) -> Any: ...
        def on_failure(
            self,
            exception_type: type[BaseException] | None,
            exception_value: BaseException | None,
            traceback: TracebackType | None,
        ) -> Any: ...

else:
    from pykka import Actor as PykkaActor


class Actor(PykkaActor):
    """One independent unit with a mailbox, which handles one message at a time.

    Its life: `__init__` runs in the thread that spawns it, then `on_start`, then `on_receive` for
    each message, then `on_stop`. After a failure `on_failure` is called on the failed instance, and
    a new one is made with the same arguments (`__init__`, `on_start`) if the parent's strategy says
    so; mailbox, ref, name and watchers stay.

    Each method may be `async def` (it runs on trio) or plain `def` (it runs on a pooled thread and
    may block). Keywords of the class say how its actors are run::

        class Worker(Actor, restart="permanent", mailbox=Mailbox(100)): ...

    `restart`, `shutdown_timeout`, `handler_timeout`, `mailbox`, `disposition`, `intensity`,
    `backoff` and `decider` mean what they mean in a `ChildSpec`; `abandon` lets it restart without
    a plain handler that is past its `handler_timeout`; `drain` lets it handle what waits when its
    parent stops it; `runs_on="asyncio"` runs its `async def` handlers on asyncio, and
    `runs_on="process"` its static plain methods, `on_receive` among them, in worker processes.
    """

    strategy: ClassVar[Strategy | None] = None
    """What is done when a child of this actor fails; None is `OneForOne()`."""

    _settings: ClassVar[Settings] = Settings()
    _cell: Cell

    def __init_subclass__(cls, **options: Any) -> None:
        """Check the keywords of the class.

        Raises:
            ConfigurationError: an unknown one, or a value that is not allowed

        """
        super().__init_subclass__()
        if options:
            cls._settings = cls._settings.with_options(cls, options)
        if cls._settings.runs_on == "process":
            refuse_class(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        cell = building.cell
        building.cell = None  # another actor made in `__init__` is not this one
        if self._settings.runs_on == "process":
            refuse_function(self)
        self._cell = cell if cell is not None else detached_cell()
        self._restarts = self._cell.restarts
        self._cell.adopt(self)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:
        """Start an actor in the default system, Pykka's way; `ActorSystem.spawn` is the other.

        Its mailbox holds 1,000,000 messages, it is in `pykka.ActorRegistry`, and it is not bound to
        a block: stop it with `ref.stop()` or `pykka.ActorRegistry.stop_all()`.
        """
        from actors import _default  # noqa: PLC0415  # the default system runs actors

        return _default.start(cls, args, kwargs)

    # -- what the actor is ---------------------------------------------------------------------

    @property
    def context(self) -> ActorContext:
        """Its ref, parent, children, system, timers, watches and background tasks."""
        context = self.__dict__.get("_context")
        if context is None:
            context = self.__dict__.setdefault("_context", ActorContext(self._cell, self))
        return cast("ActorContext", context)

    @property
    def restarts(self) -> int:
        """How many instances were replaced before this one."""
        return self._restarts

    @property
    def actor_ref(self) -> ActorRef[Self]:
        """The ref of this actor."""
        return self._cell.ref

    @property
    def _actor_ref(self) -> ActorRef[Any]:
        return self._cell.ref

    @property
    def actor_urn(self) -> str:
        """A universally unique name."""
        return self._cell.urn

    @property
    def actor_inbox(self) -> MailboxQueue:
        """The mailbox."""
        return self._cell.mailbox

    @property
    def actor_stopped(self) -> threading.Event:
        """An event that is set when the actor has ended."""
        return self._cell.stopped_event

    def __str__(self) -> str:
        return f"{type(self).__name__} ({self._cell.label})"

    # -- for users to call ---------------------------------------------------------------------

    def stop(self) -> None:
        """Stop after what was sent before; a `permanent` child is restarted, and it counts."""
        self._cell.mailbox.put_always(Envelope(StopItself()))

    # -- for users to override -----------------------------------------------------------------

    def describe(self) -> Mapping[str, object]:
        """Return what `system.tree()` shows of this actor; called from any thread, at any time."""
        return {}

    # -- for implementors of Pykka's actors ----------------------------------------------------

    @staticmethod
    def _create_actor_inbox() -> NoReturn:
        raise NotImplementedError("the mailbox is made by the system")

    @staticmethod
    def _create_future() -> Reply[Any]:
        return Reply()

    def _start_actor_loop(self) -> None:
        self._cell.begin()
