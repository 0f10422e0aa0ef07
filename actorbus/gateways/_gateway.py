"""The doors: commands are sent, events published, queries asked.

A gateway is injected by its annotation, or found on the bus (`bus.commands`, `bus.events`,
`bus.queries`, `bus.gateway(OutboxEventBus)`). Inside a handler, what is sent leaves when the
handler's transaction commits, and never if it does not.
"""

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self, Unpack

from actorbus._calls import Answer
from actorbus.declaring._handlers import Kind
from actorbus.gateways._options import GatewayOptions, way_of
from actorbus.gateways._way import Receipt, Way
from actorbus.options._options import QueryOptions, Seconds, SendOptions

BATCH = 500


class Letter:
    """One of many messages, with options of its own: `Letter(message, message_id="row-7")`."""

    __slots__ = ("message", "options")

    def __init__(self, message: Any, **options: Unpack[SendOptions]) -> None:
        self.message = message
        self.options = options


class Sender(Protocol):
    """What carries out what the gateways are asked."""

    def send(self, way: Way, message: Any, options: SendOptions) -> Answer[Any]:
        """Send one message."""
        ...

    def send_many(
        self,
        way: Way,
        items: Iterable[Any] | AsyncIterable[Any],
        options: SendOptions,
        batch: int,
    ) -> Answer[int]:
        """Send many."""
        ...


class Door(Protocol):
    """Where a gateway finds the running bus."""

    def sender(self) -> Sender:
        """Return it. Raises BusStateError while the bus does not run."""
        ...


class Gateway:
    """What the three gateways have in common. A subclass has options for all that it sends.

    class OutboxEventBus(EventBus, channel="outbox"): ...

    Handlers without a channel of their own then get its messages through that channel. The
    options are those of `GatewayOptions`; a subclass of it has them too.
    """

    kind: ClassVar[Kind]
    channel: ClassVar[str | None] = None
    way: ClassVar[Way]

    __slots__ = ("_door",)

    def __init_subclass__(cls, **options: Unpack[GatewayOptions]) -> None:
        super().__init_subclass__()
        cls.way = way_of(cls.kind, cls, options, getattr(cls, "way", None))
        cls.channel = cls.way.channel

    def __init__(self, door: Door) -> None:
        self._door = door

    @classmethod
    def at(cls, door: Door) -> Self:
        """Return this gateway of a bus."""
        return cls(door)

    def __repr__(self) -> str:
        through = "" if self.channel is None else f" through {self.channel!r}"
        return f"<{type(self).__qualname__}{through}>"


class CommandBus(Gateway):
    """Sends commands: each to the one handler of its type."""

    kind = "command"
    __slots__ = ()

    def send(self, command: Any, **options: Unpack[SendOptions]) -> Answer[Any]:
        """Send a command; the options are those of `SendOptions`.

        Without a channel the handler runs now, in the caller's task, and its result is returned
        after its transaction has committed; within a handler it is a savepoint of that one's.
        Through a channel the message's id is returned once it is stored (within a handler: at
        once, it is stored with the handler's transaction).

        Raises MessageRefused and its kinds, what a synchronous handler raises, StoreUnavailable.
        If cancelled: a handler that was running was cancelled and undone; one that was done may
        have been committed, a message may have been stored.
        """
        return self._door.sender().send(self.way, command, options)

    def send_many(
        self,
        commands: Iterable[Any] | AsyncIterable[Any],
        *,
        batch: int = BATCH,
        **options: Unpack[SendOptions],
    ) -> Answer[int]:
        """Send many commands, `batch` to a transaction; return how many were new.

        An item is a command, or a `Letter` with options of its own. Items are taken as they are
        needed, where this was called. Within a handler all of them leave with its transaction.
        If it raises, a note on the error says which item it was and how many had been stored.
        """
        return self._door.sender().send_many(self.way, commands, options, batch)


class EventBus(Gateway):
    """Publishes events: each to all subscribers of its type, of which there may be none."""

    kind = "event"
    __slots__ = ()

    def publish(self, event: Any, **options: Unpack[SendOptions]) -> Answer[Receipt]:
        """Publish an event and return the message's id.

        Every subscriber endpoint on a channel gets a copy of its own. Then the synchronous
        subscribers run, in declared order, each in a savepoint of the caller's transaction, or
        in a transaction of its own. All of them run; if some fail, SubscribersFailed names them,
        and the caller's transaction can no longer commit.

        Raises MessageRefused and its kinds, SubscribersFailed, StoreUnavailable.
        """
        return self._door.sender().send(self.way, event, options)

    def publish_many(
        self,
        events: Iterable[Any] | AsyncIterable[Any],
        *,
        batch: int = BATCH,
        **options: Unpack[SendOptions],
    ) -> Answer[int]:
        """Publish many events; like `CommandBus.send_many`. Returns how many copies were new."""
        return self._door.sender().send_many(self.way, events, options, batch)


class QueryBus(Gateway):
    """Asks queries: the handler answers from a snapshot of the store."""

    kind = "query"
    __slots__ = ()

    def ask(
        self,
        query: Any,
        *,
        headers: Mapping[str, str] | None = None,
        routing_key: str | None = None,
        timeout: Seconds | None = None,
    ) -> Answer[Any]:
        """Return what the query's handler answers.

        The handler reads a snapshot of what is committed: not what the caller's own transaction
        has written. Without a channel it runs now, in the caller's task, and raises what it
        raises. Through a channel it runs where that is consumed; the answer is read as the type
        that the handler returns, and what it raised is a QueryFailed.

        `timeout` is how many seconds to wait: for ever without a channel, else 30, if not given.
        Raises QueryTimeout, NoHandler, MessageRefused, and TransactionError where the caller's own
        transaction keeps the query from the store. If cancelled: an answer that comes later is
        dropped, and counted.
        """
        options = QueryOptions()
        if timeout is not None:
            options["timeout"] = timeout
        if headers is not None:
            options["headers"] = headers
        if routing_key is not None:
            options["routing_key"] = routing_key
        return self._door.sender().send(self.way, query, options)
