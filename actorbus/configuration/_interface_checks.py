"""What can be wrong with a business interface on a bus, found when the bus starts."""

from collections.abc import Collection, Iterator, Mapping
from inspect import Parameter
from typing import Any, Union, get_args, get_origin

from actorbus._errors import UnknownMessageType
from actorbus.codecs import field_names
from actorbus.declaring._handlers import HandlerSpec
from actorbus.gateways._interface import Method, methods_of, plain_annotation, promises_a_value
from actorbus.gateways._options import way_faults
from actorbus.gateways._way import Receipt
from actorbus.messages._types import TypeRegistry, did_you_mean
from actorbus.sending._routing import handlers_of, kinds_of

_TEXTS = (str, Parameter.empty, Any)
_NOTHING = (None, type(None), Any)
_RECEIPTS = (None, type(None), Receipt, str, Any)


def interface_faults(
    interface: type,
    handlers: Collection[HandlerSpec],
    types: TypeRegistry,
    channels: Collection[str],
) -> Iterator[str]:
    """Say what is wrong with an interface, a sentence each."""
    methods, faults = methods_of(interface)
    yield from faults
    for method in methods:
        for fault in _method_faults(method, handlers, types, channels):
            yield f"{method.name}: {fault}"


def _method_faults(
    method: Method,
    handlers: Collection[HandlerSpec],
    types: TypeRegistry,
    channels: Collection[str],
) -> Iterator[str]:
    way = method.way
    if way.channel is not None and way.channel not in channels:
        yield f"no channel {way.channel!r}{did_you_mean(str(way.channel), channels)}"
    yield from _header_faults(method)
    try:
        taking = _handlers(method, handlers, types)
    except UnknownMessageType as error:
        yield str(error)
        return
    asynchronous = way.channel is not None or any(one.channel is not None for one in taking)
    yield from way_faults(way, asynchronous=asynchronous)
    yield from _kind_faults(method, taking)
    yield from _field_faults(method, taking)
    yield from _promise_faults(method, asynchronous=asynchronous)


def _handlers(
    method: Method, handlers: Collection[HandlerSpec], types: TypeRegistry
) -> tuple[HandlerSpec, ...]:
    """Return the handlers of what the method sends. Raises UnknownMessageType."""
    target = method.target
    if target is None:
        payload = method.signature.parameters[method.payload or ""]
        target = plain_annotation(payload)
    if isinstance(target, str):
        name = types.resolve(target)
        found = handlers_of(name, types.type_of(name), handlers, kinds_of(handlers))
        if not found:
            types.require(name)
        return found
    return handlers_of(types.name_of(target), target, handlers, kinds_of(handlers))


def _kind_faults(method: Method, taking: Collection[HandlerSpec]) -> Iterator[str]:
    kind = method.way.kind
    if not taking and kind != "event":
        yield f"no handler takes this {kind}"
    for other in sorted({spec.kind for spec in taking} - {kind}):
        yield f"is marked as @{kind}, and its message is handled as a {other}"


def _field_faults(method: Method, taking: Collection[HandlerSpec]) -> Iterator[str]:
    """Fields that no handler's type has are misspelt, most likely."""
    if method.payload is not None:
        return
    types = [spec.message_type for spec in taking]
    types += [method.target] if isinstance(method.target, type) else []
    known: set[str] = set()
    for message_type in types:
        fields = field_names(message_type)
        if fields is None:
            return
        known |= fields
    for name in method.fields:
        if types and name not in known:
            yield f"parameter {name!r} is no field of the message{did_you_mean(name, known)}"


def _header_faults(method: Method) -> Iterator[str]:
    parameters: Mapping[str, Parameter] = method.signature.parameters
    for name in method.headers:
        wanted = plain_annotation(parameters[name])
        union = get_origin(wanted) is Union or type(wanted).__name__ == "UnionType"
        kinds = get_args(wanted) if union else (wanted,)
        if any(kind not in (*_TEXTS, type(None)) for kind in kinds):
            yield f"parameter {name!r} is a header, which is text (or None for no header)"


def _promise_faults(method: Method, *, asynchronous: bool) -> Iterator[str]:
    if method.way.kind == "query":
        return
    diverts = method.way.error_channel is not None and method.way.kind == "command"
    if diverts and not asynchronous and promises_a_value(method.function, _NOTHING):
        yield "promises a value, but what fails goes to its error channel, and returns None"
    if (asynchronous or method.way.kind == "event") and promises_a_value(
        method.function, _RECEIPTS
    ):
        why = "is sent through a channel" if asynchronous else "publishes an event"
        yield f"promises a value, but {why}: what it can return is a Receipt, or None"
