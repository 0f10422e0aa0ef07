"""What is known of a message type by looking at it, before any message comes."""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from actorbus.codecs._hooks import Hooks, is_model

_PLAIN_HOOKS = Hooks()


def unsupported_parts(message_type: Any, hooks: Hooks = _PLAIN_HOOKS) -> list[str]:
    """Return what in a message type nothing converts to, as `field 'x': why`; empty if all is well.

    A name that an annotation cannot resolve is one of them.
    """
    if message_type is object:
        return []
    try:
        info = inspect.type_info(message_type)
    except Exception as error:  # noqa: BLE001  annotations run the user's code when resolved
        return [f"{type(error).__name__}: {error}"]
    return [
        f"{_where(path)}nothing converts to {_name(part.cls)}"
        for path, part in _parts(info)
        if isinstance(part, inspect.CustomType) and not (hooks.knows(part.cls) or _is_any(part))
    ]


def is_plain(message_type: Any) -> bool:
    """Return whether a decodable type is plain data, which has no name of its own."""
    if message_type is object:
        return True
    info = inspect.type_info(message_type)
    return not isinstance(info, _NAMED) and (
        not isinstance(info, inspect.CustomType) or _is_any(info)
    )


_NAMED = (
    inspect.DataclassType,
    inspect.StructType,
    inspect.TypedDictType,
    inspect.NamedTupleType,
)
_OBJECTS = (inspect.DataclassType, inspect.StructType, inspect.TypedDictType, inspect.CustomType)


def is_native(kind: type) -> bool:
    """Return whether msgspec has a form of its own for a class, so that no converter is asked."""
    try:
        info = inspect.type_info(kind)
    except Exception:  # noqa: BLE001  annotations run the user's code when resolved
        return True
    return not isinstance(info, inspect.CustomType)


def is_flat(message_type: Any) -> bool:
    """Return whether no object is nested in the type: its own instances have no unknown fields.

    In a nested one there may be an instance of a subclass, with more fields.
    """
    if message_type is object:
        return False
    _, *inner = (part for _, part in _parts(inspect.type_info(message_type)))
    return not is_model(message_type) and not any(isinstance(part, _OBJECTS) for part in inner)


def is_bounded(message_type: Any) -> bool:
    """Return whether the type itself limits how deep its bodies are nested."""
    if message_type is object:
        return False
    return _bounded(inspect.type_info(message_type), ())


def _bounded(info: inspect.Type, above: tuple[int, ...]) -> bool:
    """A type within itself, one that may be anything, and one that others read have no limit."""
    if id(info) in above or isinstance(info, _OPEN):
        return False
    return all(_bounded(inner, (*above, id(info))) for _, inner in _inner_types(info))


_OPEN = (inspect.AnyType, inspect.RawType, inspect.CustomType)


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
        if isinstance(field.validation_alias, str):
            yield field.validation_alias


def _is_any(info: inspect.CustomType) -> bool:
    return info.cls is object


def _where(path: str) -> str:
    return f"field {path.lstrip('.')!r}: " if path else ""


def _name(kind: Any) -> Any:
    return getattr(kind, "__qualname__", kind)


def _parts(info: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """Yield a type and all that it is made of, each once, with the path that leads there."""
    seen: set[int] = set()
    waiting = [("", info)]
    while waiting:
        path, part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield path, part
        inner = [(f"{path}{step}", kind) for step, kind in _inner_types(part)]
        waiting += reversed(inner)


def _inner_types(info: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """Yield the types that a type is made of, each with the step that leads to it."""
    for name in getattr(info, "__struct_fields__", ()):
        value = getattr(info, name)
        if isinstance(value, inspect.Type):
            yield "[...]" if name != "type" else "", value
        elif isinstance(value, tuple):
            yield from _members(value)


def _members(values: tuple[Any, ...]) -> Iterator[tuple[str, inspect.Type]]:
    for value in values:
        if isinstance(value, inspect.Field):
            yield f".{value.name}", value.type
        elif isinstance(value, inspect.Type):
            yield "", value
