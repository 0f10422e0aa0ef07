"""What a test means by naming a message or a handler."""

from collections.abc import Callable, Mapping
from typing import Any

What = Any
"""A message's type, a message that is equal, a routing key or registered name, a handler's function
or endpoint id; None means anything."""


def means(
    what: What,
    *,
    message: object = None,
    type_name: str = "",
    endpoint: str = "",
    function: Callable[..., Any] | None = None,
) -> bool:
    """Return whether `what` names this message, or this handler."""
    if what is None:
        return True
    if isinstance(what, str):
        return what in {type_name, endpoint}
    if isinstance(what, type) and function is not what:
        return _is_of(what, message)
    return (function is not None and what is function) or bool(what == message)


def _is_of(kind: type, message: object) -> bool:
    try:
        return isinstance(message, kind)
    except TypeError:  # a TypedDict, or a Protocol: its instances cannot be told from others
        return isinstance(message, Mapping) and kind.__annotations__.keys() >= message.keys()


def named(what: What) -> str:
    """Return what a test named, in the words of an error."""
    if what is None:
        return "anything"
    return getattr(what, "__qualname__", None) or repr(what)


def listed(things: object) -> str:
    """Return a line for each thing, for an error."""
    lines = [f"\n  {thing}" for thing in things] if isinstance(things, list | tuple) else []
    return "".join(lines) or " nothing"
