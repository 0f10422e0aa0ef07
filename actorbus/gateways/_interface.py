"""Business interfaces: a Protocol of the program's own, which the bus implements.

class OrderDesk(BusinessInterface, Protocol):
    @command("orders.place")
    async def place(self, number: str, tenant: Annotated[str, Header()]) -> str: ...

A method's parameters become the message: the fields of its type, or of plain data under its
routing key; those annotated with `Header` become headers. Without a type or a key, or annotated
with `Payload`, one parameter is the message itself.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, Protocol, TypeVar, Unpack, get_args, get_origin, overload

from actorbus._calls import Answer
from actorbus.declaring._handlers import Kind, resolved_parameters
from actorbus.gateways._gateway import Door
from actorbus.gateways._options import GatewayOptions, way_of
from actorbus.gateways._way import Way
from actorbus.options._options import SendOptions

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__actorbus_message__"
_OPTIONS = "__actorbus_options__"


class BusinessInterface(Protocol):
    """The base of interfaces that the bus implements; a Protocol may do without it.

    As a base it takes the keywords of gateways, for all methods: `class OrderDesk(
    BusinessInterface, Protocol, channel="async")` sends everything through that channel.
    """

    def __init_subclass__(cls, **options: Unpack[GatewayOptions]) -> None:
        super().__init_subclass__()
        setattr(cls, _OPTIONS, {**getattr(cls, _OPTIONS, {}), **options})


@dataclass(frozen=True, slots=True)
class Header:
    """Annotates a parameter that is a header: `tenant: Annotated[str, Header()]`.

    Its name is the parameter's, unless it is given one. None leaves the header out.
    """

    name: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """Annotates the parameter that is the message itself: `order: Annotated[Order, Payload()]`."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What `command`, `event` or `query` said of a method. `target` is a type or a routing key."""

    kind: Kind
    target: Any
    options: Mapping[str, Any]


@overload
def command(
    target: type | str | None = None, /, **options: Unpack[GatewayOptions]
) -> Callable[[F], F]: ...
@overload
def command(function: F, /) -> F: ...
def command(target: Any = None, /, **options: Any) -> Any:
    """Let a method of a business interface send a command: of a type, or under a routing key.

    It returns what the handler does. Through a channel (its own keyword, or the interface's) it
    returns the message's `Receipt`, and may promise nothing else.
    """
    return _marking("command", target, options)


@overload
def event(
    target: type | str | None = None, /, **options: Unpack[GatewayOptions]
) -> Callable[[F], F]: ...
@overload
def event(function: F, /) -> F: ...
def event(target: Any = None, /, **options: Any) -> Any:
    """Let a method of a business interface publish an event; it returns the `Receipt`."""
    return _marking("event", target, options)


@overload
def query(
    target: type | str | None = None, /, **options: Unpack[GatewayOptions]
) -> Callable[[F], F]: ...
@overload
def query(function: F, /) -> F: ...
def query(target: Any = None, /, **options: Any) -> Any:
    """Let a method of a business interface ask a query; it returns the answer."""
    return _marking("query", target, options)


def _marking(kind: Kind, target: Any, options: Mapping[str, Any]) -> Any:
    if inspect.isfunction(target):
        setattr(target, _MARK, Marked(kind, None, {}))
        return target

    def mark(function: F) -> F:
        setattr(function, _MARK, Marked(kind, target, dict(options)))
        return function

    return mark


def is_interface(kind: object) -> bool:
    """Return whether this is a Protocol with methods that the bus can implement."""
    if not isinstance(kind, type) or not getattr(kind, "_is_protocol", False):
        return False
    return any(isinstance(getattr(function, _MARK, None), Marked) for _, function in _members(kind))


def _members(interface: type) -> Iterator[tuple[str, Any]]:
    """Yield the functions of an interface and of those that it extends, the nearest first."""
    seen: set[str] = set()
    for base in interface.__mro__:
        if getattr(base, "_is_protocol", False):
            for name, value in vars(base).items():
                if inspect.isfunction(value) and not name.startswith("__") and name not in seen:
                    seen.add(name)
                    yield name, value


@dataclass(frozen=True, slots=True)
class Method:
    """One method of an interface, and how a call of it becomes a message.

    `headers` are header names by parameter. `payload` is the parameter that is the message; None
    if the others are its fields.
    """

    name: str
    function: Callable[..., Any]
    target: Any
    way: Way
    signature: inspect.Signature
    headers: Mapping[str, str]
    payload: str | None

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that become fields of the message."""
        names = [name for name in self.signature.parameters if name not in self.headers]
        return () if self.payload is not None else tuple(names)

    def message(self, arguments: Mapping[str, Any]) -> tuple[Any, SendOptions]:
        """Return the message of a call, and its options."""
        options = SendOptions()
        headers = {
            header: arguments[name]
            for name, header in self.headers.items()
            if arguments[name] is not None
        }
        if headers:
            options["headers"] = {**self.way.options.get("headers", {}), **headers}
        if isinstance(self.target, str):
            options["routing_key"] = self.target
        if self.payload is not None:
            return arguments[self.payload], options
        fields = {name: arguments[name] for name in self.fields}
        return (self.target(**fields) if isinstance(self.target, type) else fields), options


def methods_of(interface: type) -> tuple[list[Method], list[str]]:
    """Return the methods of an interface, and what is wrong with others."""
    methods: list[Method] = []
    faults: list[str] = []
    for name, function in _members(interface):
        marked = getattr(function, _MARK, None)
        if not isinstance(marked, Marked):
            faults.append(f"{name} is marked neither as @command nor as @event or @query")
            continue
        try:
            methods.append(_method(interface, name, function, marked))
        except Exception as error:  # noqa: BLE001  annotations run the user's code when resolved
            faults.append(f"{name}: {error}")
    return methods, faults


def _method(interface: type, name: str, function: Callable[..., Any], marked: Marked) -> Method:
    _, *parameters = resolved_parameters(function, {}).values()
    for parameter in parameters:
        if parameter.kind in {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}:
            raise ValueError(f"parameter {parameter.name!r} takes any number of arguments")
    headers = {
        one.name: header.name or one.name
        for one in parameters
        if (header := _annotated(one, Header)) is not None
    }
    rest = [one for one in parameters if one.name not in headers]
    payloads = [one.name for one in rest if _annotated(one, Payload) is not None]
    inherited = way_of(marked.kind, interface, getattr(interface, _OPTIONS, {}), None)
    return Method(
        name,
        function,
        marked.target,
        way_of(marked.kind, interface, marked.options, inherited),
        inspect.Signature(parameters),
        headers,
        _payload(marked, rest, payloads),
    )


def _payload(marked: Marked, rest: list[Parameter], payloads: list[str]) -> str | None:
    if payloads or marked.target is None:
        if len(rest) != 1:
            raise ValueError("one parameter, and no other, is the message; or name a type or a key")
        return rest[0].name
    return None


K = TypeVar("K")


def _annotated(parameter: Parameter, kind: type[K]) -> K | None:
    metadata = getattr(parameter.annotation, "__metadata__", ())
    return next((one for one in metadata if isinstance(one, kind)), None)


def plain_annotation(parameter: Parameter) -> Any:
    """Return a parameter's annotation without what was added to it."""
    annotation = parameter.annotation
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def promises_a_value(function: Callable[..., Any], allowed: tuple[Any, ...]) -> bool:
    """Return whether the annotation of what a method returns promises something else."""
    try:
        returned = inspect.get_annotations(function, eval_str=True).get("return")
    except Exception:  # noqa: BLE001  reported when its parameters are read
        return False
    if get_origin(returned) is Answer:
        (returned,) = get_args(returned)
    return returned not in allowed


def implementation(interface: type[Any]) -> Callable[[Door], Any]:
    """Return a class that implements the interface on a bus."""
    methods, _ = methods_of(interface)
    namespace: dict[str, Any] = {one.name: _implemented(one) for one in methods}
    namespace |= {"__slots__": ("_door",), "__init__": _init, "__repr__": _repr}
    namespace |= {"__doc__": interface.__doc__, "__module__": interface.__module__}
    return type(interface.__name__, (), namespace)


def _init(self: Any, door: Door) -> None:
    self._door = door


def _repr(self: Any) -> str:
    return f"<{type(self).__qualname__}, implemented by the bus>"


def _implemented(method: Method) -> Callable[..., Answer[Any]]:
    signature = method.signature

    def send(self: Any, /, *args: Any, **kwargs: Any) -> Answer[Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        message, options = method.message(bound.arguments)
        answer: Answer[Any] = self._door.sender().send(method.way, message, options)
        return answer

    send.__name__ = method.name
    send.__qualname__ = method.function.__qualname__
    send.__doc__ = method.function.__doc__
    return send
