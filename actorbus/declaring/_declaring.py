"""What a program tells a bus before it runs: handlers, message types, channels, services.

It is written down with its place, and looked at when the bus is entered (`_configuration`).
"""

from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Literal, TypeVar, Unpack, overload

from actorbus._errors import Problem
from actorbus.codecs import Converter
from actorbus.configuration._message_checks import DeclaredConverter, NamedType
from actorbus.declaring._channel import CHANNEL_OPTION_NAMES, Channel, ChannelOptions, StoreChannel
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import (
    Declaration,
    Kind,
    caller,
    caller_place,
    enclosing_names,
    place_of,
)
from actorbus.declaring._intercepting import Intercepting
from actorbus.declaring._routed_channel import Routing
from actorbus.declaring._services import Scope, Service
from actorbus.distributed._declaring import Distributing
from actorbus.messages._types import did_you_mean
from actorbus.messages._versions import Upcaster
from actorbus.options._options import ErrorHandlerOptions, HandlerOptions, QueryHandlerOptions
from actorbus.outbox._declared import declare_outboxes
from actorbus.schedules._declaring import Scheduling

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)
V = TypeVar("V")

_MISSING: Any = object()


class Declaring(Intercepting, Distributing, Scheduling):
    """The declaring side of an ActorBus."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._declared = Declared(name)
        self._entered = False

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

    def error_handler(self, **options: Unpack[ErrorHandlerOptions]) -> Callable[[F], F]:
        """Declare the handler of an error channel: `@bus.error_handler(channel="errors")`.

        It gets a `FailedMessage` for each message that failed for good where `error_channel=`
        names its channel, and says what is to become of it. Options: see `ErrorHandlerOptions`.
        """
        frame = caller()

        def decorate(function: F) -> F:
            self._declare("error", function, None, options, frame)
            return function

        return decorate

    def _decorate(
        self, kind: Kind, target: Any, options: Mapping[str, Any], frame: FrameType | None
    ) -> Any:
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
        frame: FrameType | None,
    ) -> None:
        self._refuse_while_running("declare a handler")
        declared = self._declared
        handlers = declared.error_handlers if kind == "error" else declared.handlers
        enclosing = enclosing_names(function, frame)
        handlers.append(
            Declaration(kind, function, routing_key, dict(options), len(handlers), enclosing)
        )

    @overload
    def message(self, target: C, /) -> C: ...
    @overload
    def message(
        self,
        name: str | None = None,
        /,
        *,
        aliases: tuple[str, ...] = (),
        version: int | None = None,
    ) -> Callable[[C], C]: ...
    def message(
        self, target: Any = None, /, *, aliases: tuple[str, ...] = (), version: int | None = None
    ) -> Any:
        """Register a message type, under a name of its own: `@bus.message("shop.OrderPlaced")`.

        Types that a handler takes are registered by that, as `module.QualName`. Others, like
        events without subscribers here, have to be: what a bus does not know it refuses to send.
        `aliases` are names that the type had before: what is stored under them is still read.
        `version` is that of the type's fields, 1 unless upcasters lead to another.
        """
        if target is not None and not isinstance(target, str):
            self._name_type(NamedType(target, None, place_of(target)))
            return target

        def decorate(message_type: C) -> C:
            where = place_of(message_type)
            self._name_type(NamedType(message_type, target, where, tuple(aliases), version))
            return message_type

        return decorate

    def _name_type(self, named: NamedType) -> None:
        self._refuse_while_running("register a message type")
        self._declared.types.append(named)

    def upcaster(self, target: Any, /, *, from_version: int) -> Callable[[F], F]:
        """Declare how a body of an earlier version becomes one of the next: a function.

        `@bus.upcaster(OrderPlaced, from_version=1)` takes a body of version 1 as plain data and
        returns one of version 2. `target` is a message type, or a routing key. Upcasters of
        several versions make a chain; the last one leads to the type's version.
        """

        def decorate(function: F) -> F:
            self._refuse_while_running("declare an upcaster")
            where = place_of(function)
            self._declared.upcasters.append(Upcaster(target, from_version, function, where))
            return function

        return decorate

    def add_converter(
        self,
        kind: type[V],
        /,
        *,
        to_plain: Callable[[V], object],
        from_plain: Callable[[Any], V],
    ) -> None:
        """Say how values of a class are written, wherever they are in a message, and read again.

        `to_plain` returns what bodies can hold: text, numbers, lists, mappings. `from_plain` gets
        that and returns the value; what it raises makes the message undecodable. It is for classes
        that have no form of their own: dataclasses, models and built-in types have.
        """
        self._refuse_while_running("add a converter")
        converter = Converter(kind, to_plain, from_plain)
        self._declared.converters.append(DeclaredConverter(converter, caller_place(caller())))

    @overload
    def add_channel(self, channel: str, /, **options: Unpack[ChannelOptions]) -> None: ...
    @overload
    def add_channel(self, channel: Channel | Routing, /) -> None: ...
    def add_channel(self, channel: str | Channel | Routing, /, **options: Any) -> None:
        """Declare a channel on the store: by name and options, or a `DynamicChannel(...)`.

        The options are those of `StoreChannel`. A `RoutedChannel` or a `RoundRobinChannel` leads
        on to others, a `CombinedChannel` to a broker by way of an outbox.
        """
        self._refuse_while_running("add a channel")
        self._add_channel(channel, options, caller_place(caller()))

    def _add_channel(
        self, channel: str | Channel | Routing, options: dict[str, Any], where: str
    ) -> None:
        if not isinstance(channel, str | Channel | Routing):
            raise TypeError(f"{channel!r} is no channel: give a name, or DynamicChannel(...)")
        if isinstance(channel, str):
            for name in sorted(options.keys() - CHANNEL_OPTION_NAMES):
                hint = did_you_mean(name, CHANNEL_OPTION_NAMES)
                text = f"channel {channel!r} has no option {name}={hint}"
                self._declared.problems.append(Problem(where, text))
                del options[name]
            channel = StoreChannel(channel, **options)
        elif options:
            given = ", ".join(f"{name}=" for name in options)
            raise TypeError(f"{given} belongs into {type(channel).__name__}(...)")
        self._take_own_channel_back(channel.name)
        if isinstance(channel, Routing):
            self._declared.routings.append((channel, where))
        else:
            self._declared.channels.append((channel, where))
        declare_outboxes(self._declared)

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
        if scope not in ("app", "message"):  # which may be unhashable
            text = f"scope={scope!r} is not allowed: give 'app' or 'message'"
            self._declared.problems.append(Problem(where, text))
        if value is not _MISSING:
            service = Service(kind, None, value, "app", where)
        else:
            make = kind if factory is _MISSING else factory
            service = Service(kind, make, None, scope, where, runs_on)
        self._declared.services.add(service)
