"""Start-up checks of message types: names, versions, upcasters, converters, parents, patterns."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from actorbus._errors import Problem, UnknownMessageType
from actorbus.codecs import Converter, is_model, is_native, unsupported_parts
from actorbus.codecs._hooks import Hooks
from actorbus.declaring._handlers import Declaration
from actorbus.declaring._services import name_of
from actorbus.messages._readings import is_kind_of
from actorbus.messages._topic import is_pattern, pattern_fault
from actorbus.messages._types import TypeRegistry
from actorbus.messages._versions import Upcaster, Versions
from actorbus.options._options import is_whole


@dataclass(frozen=True, slots=True)
class NamedType:
    """One `@bus.message`."""

    message_type: Any
    name: str | None
    where: str
    aliases: tuple[str, ...] = ()
    version: int | None = None


@dataclass(frozen=True, slots=True)
class DeclaredConverter:
    """One `bus.add_converter`."""

    converter: Converter
    where: str


def register_named(types: TypeRegistry, named: NamedType) -> Iterator[str]:
    """Register one `@bus.message`; yield what is wrong with it."""
    try:
        types.register(named.message_type, named.name)
    except ValueError as error:
        yield str(error)
    if named.version is not None and not _is_version(named.version):
        yield f"version={named.version!r} is not a whole number from 1 on"


def register_aliases(types: TypeRegistry, named: NamedType) -> Iterator[str]:
    """Register the earlier names of one `@bus.message`, once all names are; yield what is wrong."""
    for alias in named.aliases:
        try:
            types.register_alias(alias, types.name_of(named.message_type))
        except (ValueError, UnknownMessageType) as error:
            yield str(error)


def versions_of(
    types: TypeRegistry, named: Iterable[NamedType], upcasters: Iterable[Upcaster]
) -> tuple[Versions, list[Problem]]:
    """Return the versions of all names, and what is wrong with them. All types are registered."""
    problems: list[Problem] = []
    versions = Versions()
    given = {
        types.name_of(one.message_type): one
        for one in named
        if one.message_type in types.classes() and _is_version(one.version)
    }
    steps: dict[str, list[Upcaster]] = {}
    for upcaster in upcasters:
        for name, fault in _step(types, upcaster, steps):
            if fault is None:
                steps.setdefault(name, []).append(upcaster)
            else:
                problems.append(Problem(upcaster.where, fault))
    for name in {**given, **steps}:
        own = steps.get(name, [])
        version = given[name].version if name in given else None
        where = given[name].where if name in given else own[-1].where
        problems += [Problem(where, fault) for fault in versions.declare(name, version, own)]
    return versions, problems


def _step(
    types: TypeRegistry, upcaster: Upcaster, known: dict[str, list[Upcaster]]
) -> Iterator[tuple[str, str | None]]:
    """Yield the name that an upcaster is for, and what is wrong with it or None."""
    try:
        if isinstance(upcaster.target, str):
            name = types.require(upcaster.target)
        else:
            name = types.name_of(upcaster.target)
    except UnknownMessageType as error:
        yield "", f"upcaster: {error}"
        return
    start = upcaster.from_version
    if not _is_version(start):
        yield name, f"from_version={start!r} is not a whole number from 1 on"
    elif any(other.from_version == start for other in known.get(name, ())):
        yield name, f"{name}: a second upcaster from version {start}"
    else:
        yield name, None


def _is_version(value: object) -> bool:
    return is_whole(value) and value >= 1


def converter_faults(converter: Converter, known: Iterable[Converter]) -> Iterator[str]:
    """Say what is wrong with a converter, beside those declared before it."""
    kind = converter.kind
    if not isinstance(kind, type):
        yield f"add_converter({kind!r}): a class is wanted"
        return
    if any(other.kind is kind for other in known):
        yield f"a second converter of {name_of(kind)}"
    if is_model(kind) or is_native(kind):
        yield (
            f"a converter of {name_of(kind)} would never be asked: bodies have a form of their own"
            " for dataclasses, attrs classes, Structs, models and built-in types"
        )
    for name in ("to_plain", "from_plain"):
        if not callable(getattr(converter, name)):
            yield f"{name}={getattr(converter, name)!r} is not a function"


def key_faults(declaration: Declaration) -> Iterator[str]:
    """Say what is wrong with a handler's routing key, if it is a pattern."""
    key = declaration.routing_key
    if not isinstance(key, str) or not ("*" in key or "#" in key):
        return
    if (fault := pattern_fault(key)) is not None:
        yield fault
    elif declaration.kind != "event" and is_pattern(key):
        yield f"{key!r} is a pattern: a {declaration.kind} has one handler, for one key"


class Parents:
    """Classes that events inherit from and that no body converts to by itself."""

    def __init__(
        self,
        named: Iterable[NamedType],
        declarations: Iterable[Declaration],
        parameters_of: Callable[[Declaration], Iterable[Parameter]],
        hooks: Hooks,
    ) -> None:
        self._hooks = hooks
        self._classes = [one.message_type for one in named]
        for declaration in declarations:
            parameters = list(parameters_of(declaration))
            if declaration.routing_key is None and parameters:
                self._classes.append(parameters[0].annotation)

    def is_one(self, declaration: Declaration, kind: Any) -> bool:
        """Return whether an event handler takes a parent, of which a convertible class is known."""
        return (
            declaration.kind == "event"
            and declaration.routing_key is None
            and isinstance(kind, type)
            and any(
                other is not kind
                and is_kind_of(other, kind)
                and not unsupported_parts(other, self._hooks)
                for other in self._classes
            )
        )
