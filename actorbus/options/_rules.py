"""Rules: functions of a message, or of message and headers, that users give as options."""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

TWO = 2
"""What a rule takes at most: the message and its headers."""


def arity(rule: Callable[..., Any]) -> int:
    """Return how many arguments a rule wants, 0 if that cannot be told.

    It is remembered: a rule is asked for every message, and a signature takes longer than most.
    """
    try:
        return _remembered_arity(rule)
    except TypeError:  # a callable object that cannot be hashed
        return _arity(rule)


def _arity(rule: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(rule).parameters.values()
    except (TypeError, ValueError):
        return 0
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    wanted = [one for one in parameters if one.kind in positional and one.default is one.empty]
    return len(wanted)


_remembered_arity = lru_cache(maxsize=256)(_arity)


def is_rule(rule: object) -> bool:
    """Return whether this is a function of a message, or of message and headers."""
    return callable(rule) and 1 <= arity(rule) <= TWO


def ask(rule: Callable[..., Any], message: Any, headers: Mapping[str, str]) -> Any:
    """Return what a rule says of a message. Raises whatever the rule raises."""
    return rule(message, headers) if arity(rule) == TWO else rule(message)
