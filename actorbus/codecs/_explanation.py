"""Words for a body that does not convert: the path to the field, what is wrong, the value found."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

_LOCATED = re.compile(r"(?P<what>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
_LONGEST_VALUE = 80
_LONGEST_PATH = 120


def explain(error: Exception, body: bytes, plain: Callable[[bytes], Any]) -> str:
    """Return why the body does not convert, for the people who sent it."""
    if isinstance(error, msgspec.ValidationError):
        return _invalid(error, body, plain)
    if isinstance(error, msgspec.DecodeError):
        return f"the body cannot be read: {error} ({len(body):,} bytes)"
    return f"{type(error).__name__}: {error}"


def _invalid(error: msgspec.ValidationError, body: bytes, plain: Callable[[bytes], Any]) -> str:
    located = _LOCATED.fullmatch(str(error))
    what, path = (located["what"], located["path"]) if located else (str(error), "")
    if (causes := getattr(error.__cause__, "errors", None)) is not None:
        return "; ".join(_pydantic_line(path, cause) for cause in causes())
    if (missing := _MISSING.fullmatch(what)) is not None:
        return missing_field(f"{path}.{missing['name']}")
    if (unknown := _UNKNOWN.fullmatch(what)) is not None:
        return unknown_field(f"{path}.{unknown['name']}")
    if not path:
        return f"the body: {what}"
    return f"{named(path)}: {what}{_found(path, body, plain)}"


def named(path: str) -> str:
    """Return `field 'lines[0].price'` for the path `.lines[0].price`; a long one is cut."""
    text = path.lstrip(".")
    if len(text) > _LONGEST_PATH:
        text = f"{text[:_LONGEST_PATH]}..."
    return f"field {text!r}"


def missing_field(path: str) -> str:
    """Say that a field is not there."""
    return f"{named(path)} is missing"


def unknown_field(path: str) -> str:
    """Say that a field is not known."""
    return f"{named(path)} is unknown"


def close_to(path: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'price'?` for a field's path, or nothing if no known one is close."""
    close = difflib.get_close_matches(path.rpartition(".")[2], list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def joined(path: str, steps: Iterable[object]) -> str:
    """Return a path with more steps: names, and the places in lists."""
    return path + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _pydantic_line(outer: str, cause: dict[str, Any]) -> str:
    path = joined(outer, cause["loc"])
    if cause["type"] == "missing":
        return missing_field(path)
    if cause["type"] == "extra_forbidden":
        return unknown_field(path)
    where = named(path) if path else "the body"
    return f"{where}: {cause['msg']} (value: {shortened(cause['input'])})"


def _found(path: str, body: bytes, plain: Callable[[bytes], Any]) -> str:
    """Return the value at the path in words, or nothing where the path names no single value."""
    try:
        value = plain(body)
        for step in _STEP.finditer(path):
            value = _stepped(value, step)
    except (LookupError, TypeError, ValueError, RecursionError):  # broken further on, too
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
