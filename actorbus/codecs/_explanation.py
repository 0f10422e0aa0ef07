"""Words for a body that does not convert: the field, what was expected, the value found."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

_LOCATED = re.compile(r"(?P<what>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
_LONGEST_VALUE = 80


def explain(error: Exception, body: bytes, plain: Callable[[bytes], Any]) -> str:
    """Return why the body does not convert, for the people who sent it."""
    if not isinstance(error, msgspec.ValidationError):
        return f"{type(error).__name__}: {error}"
    if (causes := getattr(error.__cause__, "errors", None)) is not None:
        return "; ".join(_pydantic_line(cause) for cause in causes())
    located = _LOCATED.fullmatch(str(error))
    if located is None:
        return str(error)
    path = located["path"]
    return f"field {path.lstrip('.')!r}: {located['what']}{_found(path, body, plain)}"


def _pydantic_line(cause: dict[str, Any]) -> str:
    field = ".".join(str(step) for step in cause["loc"])
    return f"field {field!r}: {cause['msg']} (value: {shortened(cause['input'])})"


def _found(path: str, body: bytes, plain: Callable[[bytes], Any]) -> str:
    """Return the value at the path in words, or nothing where the path names no single value."""
    value = plain(body)
    for step in _STEP.finditer(path):
        try:
            value = _stepped(value, step)
        except (LookupError, TypeError):
            return ""
    return f" (value: {shortened(value)})"


def _stepped(value: Any, step: re.Match[str]) -> Any:
    if step["field"] is not None:
        return value[step["field"]]
    if step["index"] is not None:
        return value[int(step["index"])]
    raise LookupError("one of a mapping's values, msgspec does not say which")


def shortened(value: object) -> str:
    """Return the value's repr, cut to a length that suits an error message."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
