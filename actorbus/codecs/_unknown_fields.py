"""Find the fields of a body that its type does not have, anywhere in it.

This is the slow way, in Python. The codec takes it only where a message that is written again
differs from the body that it was read from.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect

from actorbus.codecs._hooks import is_model

_Known = dict[str, inspect.Type]
_OBJECTS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)
_LISTS = (
    inspect.ListType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.VarTupleType,
    inspect.CollectionType,
)


def unknown_fields(
    info: inspect.Type, data: Any, path: str = ""
) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the path of each unknown field, with the names that are known beside it."""
    if isinstance(data, dict):
        yield from _in_mapping(info, data, path)
    elif isinstance(data, list | tuple):
        yield from _in_list(info, data, path)


def _in_mapping(
    info: inspect.Type, data: dict[Any, Any], path: str
) -> Iterator[tuple[str, Iterable[str]]]:
    for option in _options(info):
        if isinstance(option, inspect.DictType):
            for key, value in data.items():
                yield from unknown_fields(option.value_type, value, f"{path}.{key}")
            return
    known = _known_names([*_options(info)], data)
    if known is None:
        return
    for name, value in data.items():
        inner = f"{path}.{name}"
        if name in known:
            yield from unknown_fields(known[name], value, inner)
        else:
            yield inner, known


def _in_list(
    info: inspect.Type, data: list[Any] | tuple[Any, ...], path: str
) -> Iterator[tuple[str, Iterable[str]]]:
    for option in _options(info):
        if isinstance(option, _LISTS):
            kinds: Iterable[inspect.Type] = [option.item_type] * len(data)
        elif isinstance(option, inspect.TupleType):
            kinds = option.item_types
        elif isinstance(option, inspect.StructType | inspect.NamedTupleType):
            kinds = [field.type for field in option.fields]
        else:
            continue
        for number, (kind, item) in enumerate(zip(kinds, data, strict=False)):
            yield from unknown_fields(kind, item, f"{path}[{number}]")
        return


def _options(info: inspect.Type) -> Iterator[inspect.Type]:
    """Yield what a type may be: itself, or the members of a union."""
    if isinstance(info, inspect.Metadata):
        yield from _options(info.type)
    elif isinstance(info, inspect.UnionType):
        for member in info.types:
            yield from _options(member)
    else:
        yield info


def _known_names(options: list[inspect.Type], data: dict[Any, Any]) -> _Known | None:
    """Return the fields that this object may have; None where any name will do."""
    found: _Known | None = None
    for option in options:
        names = _names_of(option)
        if names is None:
            continue
        if isinstance(option, inspect.StructType) and option.tag_field is not None:
            if data.get(option.tag_field, option.tag) != option.tag:
                continue
            names[option.tag_field] = inspect.AnyType()
        found = {**(found or {}), **names}
    return found


def _names_of(option: inspect.Type) -> _Known | None:
    if isinstance(option, _OBJECTS):
        return {field.encode_name: field.type for field in option.fields}
    if isinstance(option, inspect.CustomType) and is_model(option.cls):
        return _names_of_model(option.cls)
    return None


def _names_of_model(model: Any) -> _Known | None:
    """Return a pydantic model's fields, None if it takes others too, or says so in its own way."""
    if model.model_config.get("extra") in {"allow", "forbid"}:
        return None
    names: _Known = dict.fromkeys(model.model_computed_fields, inspect.AnyType())
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        if alias is not None and not isinstance(alias, str):
            return None
        names[name] = names[alias or name] = _type_of(field.annotation)
    return names


def _type_of(annotation: Any) -> inspect.Type:
    try:
        return inspect.type_info(annotation)
    except Exception:  # noqa: BLE001  pydantic knows kinds of annotations that msgspec does not
        return inspect.AnyType()
