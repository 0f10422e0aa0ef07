"""Registered message types: a stable name for each, and never an import by a name.

A class is named `module.QualName` unless it is given a name. `__main__` is never part of one:
under `python -m package.module` the module's real name is used, for a script its file's stem.
"""

import difflib
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from actorbus._errors import UnknownMessageType
from actorbus.messages._topic import is_pattern


class NameTaken(ValueError):
    """Two different types, or endpoints, want one name."""


class NoStableName(ValueError):
    """A class or function of an interactive session has no name that another process knows."""


class TypeRegistry:
    """The message types of one bus, by name and by class."""

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}
        self._types: dict[str, Any] = {}
        self._aliases: dict[str, str] = {}

    def register(self, message_type: Any, name: str | None = None) -> str:
        """Register a type and return its name; again, with the same name, changes nothing.

        Raises NameTaken if the name is another type's, or the type has another name;
        NoStableName for a class of an interactive session that is given no name.
        """
        known = self._names.get(message_type)
        if known is not None and name in {None, known}:
            return known
        chosen = stable_name(message_type) if name is None else checked_name(name)
        if known is not None:
            raise NameTaken(f"{message_type.__qualname__} is registered as {known!r} already")
        if is_pattern(chosen):
            raise NameTaken(f"{chosen!r} is a pattern; a message type has a name without wildcards")
        other = self._types.setdefault(chosen, message_type)
        if other is not message_type:
            raise NameTaken(f"message name {chosen!r} is taken by {described(other)}")
        self._names[message_type] = chosen
        return chosen

    def register_alias(self, alias: str, name: str) -> None:
        """Register a name that a type had before: what is stored under it is still read.

        Raises NameTaken if it is the name, or an alias, of another type.
        """
        old = checked_name(alias)
        if old in self._types or self._aliases.setdefault(old, name) != name:
            raise NameTaken(f"alias {old!r} of {name!r} is taken by {self.resolve(old)!r}")

    def register_view(self, message_type: Any, routing_key: str) -> str:
        """Register what one handler makes of a routing key's data, and return the key.

        Several handlers may make different things of it. A class that has no name yet is sent
        under this one.
        """
        key = checked_name(routing_key)
        other = self._types.setdefault(key, None)
        if other not in {None, message_type}:
            raise NameTaken(f"message name {key!r} is taken by {described(other)}")
        if isinstance(message_type, type) and message_type.__module__ != "builtins":
            self._names.setdefault(message_type, key)
        return key

    def name_of(self, message_type: Any) -> str:
        """Return a registered type's name. Raises UnknownMessageType for any other."""
        try:
            return self._names[message_type]
        except (KeyError, TypeError):
            raise UnknownMessageType(self._unknown_type(message_type)) from None

    def require(self, name: str) -> str:
        """Return the name if it is registered. Raises UnknownMessageType, with a suggestion."""
        if name in self._types:
            return name
        hint = did_you_mean(name, self._types)
        raise UnknownMessageType(f"no message type is registered as {name!r}{hint}")

    def resolve(self, name: str) -> str:
        """Return the name that an alias stands for, and any other name as it is."""
        return self._aliases.get(name, name)

    def aliases_of(self, name: str) -> tuple[str, ...]:
        """Return the names that a type had before."""
        return tuple(alias for alias, now in self._aliases.items() if now == name)

    def type_of(self, name: str) -> Any:
        """Return the class registered under the name, or None for a routing key."""
        return self._types.get(name)

    def classes(self) -> Collection[Any]:
        """Return all registered classes."""
        return self._names.keys()

    def __contains__(self, name: str) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def _unknown_type(self, message_type: Any) -> str:
        if message_type in {dict, list, str, bytes, int, float, bool, tuple, type(None)}:
            return f"plain data ({message_type.__name__}) needs routing_key= to say what it is"
        if message_type is type:
            return "what was given is a class, not a message: make one of it"
        named = described(message_type)
        for base in getattr(message_type, "__mro__", ())[1:]:
            if base in self._names:
                return (
                    f"{named} is not registered; only its base {self._names[base]!r} is."
                    " Give it a name with @bus.message"
                )
        return (
            f"{named} is no message type of this bus: no handler takes it,"
            " and it was not registered with @bus.message"
        )


def stable_name(thing: Any) -> str:
    """Return `module.QualName` of a class or function, the same one in every process."""
    qualified = str(thing.__qualname__).replace("<locals>.", "")
    return f"{real_module(thing.__module__)}.{qualified}"


def real_module(name: str) -> str:
    """Return the name that a module has when it is imported rather than run."""
    if name == "__main__":
        name = _main_name(sys.modules["__main__"])
    return name.removesuffix(".__main__")


def _main_name(main: ModuleType) -> str:
    if main.__spec__ is not None:
        return main.__spec__.name
    stem = Path(getattr(main, "__file__", None) or "<none>").stem
    if not stem.isidentifier() or stem == "__main__":
        raise NoStableName("defined where no other process can find it; give it a name")
    return stem


def checked_name(name: Any) -> str:
    """Return a name that was given, if it can be one. Raises ValueError."""
    if not isinstance(name, str) or not name or name != name.strip() or "__main__" in name:
        raise ValueError(f"{name!r} is no name: text is wanted, without `__main__` or outer spaces")
    return name


def described(thing: Any) -> str:
    """Return a type in words: its module and name, or its repr."""
    name = getattr(thing, "__qualname__", None)
    return f"{thing.__module__}.{name}" if name else repr(thing)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'? (known: ...)`, or `` where nothing is known."""
    names = sorted(set(known))
    if not names:
        return " (none is known)"
    close = difflib.get_close_matches(str(name), names, n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")  # noqa: PLR2004  enough for a line
    return f"{guess} (known: {shown})"
