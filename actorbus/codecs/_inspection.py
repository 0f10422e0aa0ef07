"""Which types can be decoded, found by looking at them before any message comes."""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from actorbus.codecs._hooks import is_model


def unsupported_parts(message_type: Any) -> list[str]:
    """Return what in a message type nothing converts to, as `field 'x': why`; empty if all is well.

    A name that an annotation cannot resolve is one of them.
    """
    if message_type is object:
        return []
    try:
        info = inspect.type_info(message_type)
    except Exception as error:  # noqa: BLE001  annotations run the user's code when resolved
        return [f"{type(error).__name__}: {error}"]
    return list(_unsupported(info, "", set()))


def is_plain(message_type: Any) -> bool:
    """Return whether a decodable type is plain data, which has no name of its own."""
    if is_model(message_type):
        return False
    if message_type is object:
        return True
    return not isinstance(inspect.type_info(message_type), _NAMED)


_NAMED = (
    inspect.DataclassType,
    inspect.StructType,
    inspect.TypedDictType,
    inspect.NamedTupleType,
)


def field_names(message_type: Any) -> frozenset[str] | None:
    """Return the names that the type's fields have in a body; None for types without fields."""
    if message_type is object:
        return None
    if is_model(message_type):
        return frozenset(_model_names(message_type))
    fields = getattr(inspect.type_info(message_type), "fields", None)
    return None if fields is None else frozenset(field.encode_name for field in fields)


def _model_names(model: Any) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if field.alias is not None:
            yield field.alias


def _unsupported(info: inspect.Type, path: str, seen: set[int]) -> Iterator[str]:
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, inspect.CustomType) and not (is_model(info.cls) or info.cls is object):
        where = f"field {path!r}: " if path else ""
        yield f"{where}nothing converts to {getattr(info.cls, '__qualname__', info.cls)}"
    for name, inner in _inner_types(info):
        yield from _unsupported(inner, f"{path}{name}".lstrip("."), seen)


def _inner_types(info: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """Yield the types that a type is made of, each with the step that leads to it."""
    for name, value in _attributes(info):
        if isinstance(value, inspect.Type):
            yield "[...]" if name != "type" else "", value
        elif isinstance(value, tuple):
            yield from _members(value)


def _attributes(info: inspect.Type) -> Iterator[tuple[str, Any]]:
    for name in getattr(info, "__struct_fields__", ()):
        yield name, getattr(info, name)


def _members(values: tuple[Any, ...]) -> Iterator[tuple[str, inspect.Type]]:
    for value in values:
        if isinstance(value, inspect.Field):
            yield f".{value.name}", value.type
        elif isinstance(value, inspect.Type):
            yield "", value
