"""ActorRef: what others hold of an actor. It stays the same over restarts."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload

import pykka
from pykka import ActorDeadError, messages

from actors._errors import MailboxFull
from actors._lanes import Envelope
from actors._mailbox import MailboxQueue
from actors._proxy import ActorProxy
from actors._reply import Derived, Reply, Requested
from actors._settings import Seconds, as_seconds
from actors._statistics import ActorStatistics, statistics_of
from actors._supervising import ActorSupervision, supervision_of
from actors._waiters import refuse_to_block, runs_a_loop

if TYPE_CHECKING:
    from actors._actor import Actor
    from actors._cell import Cell

A = TypeVar("A", bound="Actor")


class ActorRef(pykka.ActorRef[Any], Generic[A]):
    """Sends messages to one actor, from any thread. Valid over restarts, and after the end."""

    __slots__ = ("_cell", "actor_class", "actor_inbox")

    actor_inbox: MailboxQueue

    def __init__(self, cell: Cell, mailbox: MailboxQueue, actor_class: type[A]) -> None:
        self._cell = cell
        self.actor_inbox = mailbox
        self.actor_class = actor_class

    # -- Pykka's attributes ------------------------------------------------------------------

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # made when it is asked for
        """A universally unique name."""
        return self._cell.urn

    @property
    def actor_stopped(self) -> threading.Event:  # type: ignore[override]  # as above
        """An event that is set when the actor has ended."""
        return self._cell.stopped_event

    def _actor_weakref(self) -> A:  # type: ignore[override]  # only `proxy` asks, and follows
        return cast("A", self._cell.actor or self.actor_class)

    def proxy(self) -> ActorProxy[A]:
        """Return a proxy: its calls are asks, its attributes those of the actor.

        Raises:
            ActorDeadError: the actor has ended

        """
        return ActorProxy(actor_ref=self)

    # -- looking -------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Where the actor is in its system: `shop/orders/7`."""
        return self._cell.path

    @property
    def name(self) -> str:
        """Its name among its siblings."""
        return self._cell.name

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} ({self._cell.label})"

    def __repr__(self) -> str:
        return f"<ActorRef for {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorRef) and other._cell is self._cell

    def __hash__(self) -> int:
        return hash(self._cell)

    def is_alive(self) -> bool:
        """Whether it has not ended; true while it restarts or backs off."""
        return self.actor_inbox.closed is None

    def statistics(self) -> ActorStatistics:
        """Return the counters of the actor and its mailbox, as they are now."""
        return statistics_of(self._cell)

    @property
    def supervision(self) -> ActorSupervision:
        """How it is supervised now, and how it supervises; see `ActorSystem.supervise`."""
        return supervision_of(self._cell)

    def started(self) -> Reply[None]:
        """Return a reply that is settled when the actor has started for the first time.

        It fails with ActorDeadError if the actor ends before.
        """
        return self._cell.started()

    def terminated(self) -> Reply[None]:
        """Return a reply that is settled when the actor has ended for good."""
        return self._cell.terminated()

    # -- sending -------------------------------------------------------------------------------

    def tell(self, message: Any, *, context: bool = False) -> None:
        """Send a message; never blocks, from any thread. `context=True` sends the context too.

        Raises:
            MailboxFull: the mailbox is full and its policy is `fail`
            ActorDeadError: the actor has ended

        """
        if context:
            message = Envelope(message, None, contextvars.copy_context())
        elif type(message) is Envelope:
            message = Envelope(message)
        self.actor_inbox.put(message)

    async def send(self, message: Any, *, context: bool = False) -> None:
        """Send a message as soon as the mailbox has room, under trio or asyncio.

        Order: as called, per sender. If cancelled: the message was not sent.

        Raises:
            ActorDeadError: the actor has ended, or ended meanwhile

        """
        envelope = Envelope(message, None, contextvars.copy_context() if context else None)
        while not self.actor_inbox.offer(envelope):
            await self.actor_inbox.until_room()

    def request(self, message: Any, *, timeout: Seconds | None = None) -> Reply[Any]:
        """Send a message and return the reply, to be awaited under trio or asyncio.

        `timeout` is in seconds of the system's clock. A reply that is late is a `pykka.Timeout`,
        and the message is skipped if the actor has not begun it. Never raises: a full mailbox and
        an actor that has ended fail the reply.
        """
        reply: Reply[Any] = Requested()
        if timeout is not None:
            now = self._cell.system.time
            reply.limit(now() + as_seconds(timeout, "timeout"), now)
        try:
            self.actor_inbox.put(Envelope(message, reply, contextvars.copy_context()))
        except (MailboxFull, ActorDeadError) as error:
            reply.fail(error)
        return reply

    @overload
    def ask(
        self, message: Any, *, block: Literal[False], timeout: float | None = None
    ) -> Reply[Any]: ...
    @overload
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any: ...
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a message and wait for the answer on this thread, or return the reply.

        Raises (the blocking form):
            BlockingCall: this thread runs an event loop
            pykka.Timeout: no answer within `timeout` seconds
            MailboxFull, ActorDeadError: it was not accepted
            ActorRestarted: the actor restarted with it in hand
            Exception: what the handler raised

        """
        if block:
            refuse_to_block()
            reply = self.request(message, timeout=timeout)
            if reply._outcome is None:
                reply._wait_on_thread(None)
            return reply.get()
        return self.request(message)

    # -- ending --------------------------------------------------------------------------------

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...
    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> Reply[bool]: ...
    @overload  # without `block` the thread decides: `await ref.stop()` or `if ref.stop():`
    def stop(self, *, block: bool | None = None, timeout: float | None = None) -> Any: ...
    def stop(
        self, *, block: bool | None = None, timeout: float | None = None
    ) -> bool | Reply[bool]:
        """Ask the actor to stop for good after what was sent before; never refused.

        The value, or the reply's, is False if it had ended already. Without `block` it waits on a
        plain thread, and returns the reply on one that runs an event loop.

        Raises:
            BlockingCall: `block=True` on a thread that runs an event loop

        """
        if block is None:
            block = not runs_a_loop()
        if block and self.is_alive():
            refuse_to_block()
        reply: Reply[Any] = Reply()
        try:
            self.actor_inbox.put_always(Envelope(messages._ActorStop(), reply))
        except ActorDeadError as error:
            reply._observed = True  # that it had ended already is an answer, not a failure
            reply.fail(error)
        else:
            self._cell.stop_was_asked()
        answer: Reply[bool] = Derived([reply], lambda _: True, _false_if_dead)
        return answer.get(timeout=timeout) if block else answer

    def kill(self) -> None:
        """Stop the actor ahead of what waits; its message in hand has its shutdown timeout."""
        self._cell.kill()


def _false_if_dead(error: BaseException) -> bool:
    if isinstance(error, ActorDeadError):
        return False
    raise error
