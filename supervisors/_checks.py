"""Checks of options: every problem is collected, then all are raised at once."""

import math
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from typing import TypeVar

from ._errors import ConfigurationError

Seconds = float | timedelta
"""A span of time: a number of seconds, or a timedelta."""

_Choice = TypeVar("_Choice", bound=str)


class Checks:
    """Collects what is wrong with the options of one owner.

    Each check returns the value to keep. What was refused comes back as a harmless stand-in,
    so that the other options can still be looked at; ``finish`` then raises.
    """

    __slots__ = ("owner", "problems")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.problems: list[str] = []

    @property
    def clean(self) -> bool:
        """Whether nothing was refused so far; pairs of options are compared only then."""
        return not self.problems

    def refuse(self, problem: str) -> None:
        """Note one problem, in words that name the value, what is allowed and a way out."""
        self.problems.append(problem)

    def finish(self) -> None:
        """Raise ConfigurationError if anything was refused."""
        if self.problems:
            raise ConfigurationError(self.owner, *self.problems)

    def number(
        self,
        key: str,
        value: object,
        *,
        at_least: float = 0.0,
        above: float | None = None,
        at_most: float = math.inf,
        way_out: str = "",
    ) -> float:
        """Return ``value`` as a float if it is a finite number within the limits."""
        if _is_number(value) and _within(float(value), at_least, above, at_most):  # type: ignore[arg-type]  # _is_number looked
            return float(value)  # type: ignore[arg-type]  # _is_number looked
        self._not_allowed(key, value, f"a number {_limits(at_least, above, at_most)}", way_out)
        return math.nan

    def seconds(
        self, key: str, value: object, *, above: float | None = None, way_out: str = ""
    ) -> float:
        """Return ``value`` in seconds if it is a finite number or a timedelta, not negative."""
        plain = value.total_seconds() if isinstance(value, timedelta) else value
        if _is_number(plain) and _within(float(plain), 0.0, above, math.inf):  # type: ignore[arg-type]  # _is_number looked
            return float(plain)  # type: ignore[arg-type]  # _is_number looked
        allowed = f"seconds (a number or a timedelta) {_limits(0.0, above, math.inf)}"
        self._not_allowed(key, value, allowed, way_out)
        return math.nan

    def whole(self, key: str, value: object, *, at_least: int, way_out: str = "") -> int:
        """Return ``value`` if it is an int (not a bool) of at least ``at_least``."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= at_least:
            return value
        self._not_allowed(key, value, f"a whole number of at least {at_least}", way_out)
        return at_least

    def flag(self, key: str, value: object) -> bool:
        """Return ``value`` if it is True or False."""
        if not isinstance(value, bool):
            self._not_allowed(key, value, "True or False", "")
        return bool(value)

    def choice(self, key: str, value: _Choice, choices: Iterable[str]) -> _Choice:
        """Return ``value`` if it is one of ``choices``; a near miss is named in the problem."""
        known = list(choices)
        if value not in known:
            near = get_close_matches(str(value), known, n=1)
            way_out = f"did you mean {near[0]!r}?" if near else ""
            self._not_allowed(key, value, " or ".join(repr(name) for name in known), way_out)
        return value

    def instance(self, key: str, value: object, kind: type, *, allowed: str) -> None:
        """Check that ``value`` is a ``kind`` or None; ``allowed`` shows how to make one."""
        if value is not None and not isinstance(value, kind):
            self._not_allowed(key, value, f"{allowed}, or None", "")

    def _not_allowed(self, key: str, value: object, allowed: str, way_out: str) -> None:
        end = f"; {way_out}" if way_out else ""
        self.refuse(f"{key}={value!r} is not allowed: give {allowed}{end}")


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _within(value: float, at_least: float, above: float | None, at_most: float) -> bool:
    return at_least <= value <= at_most and (above is None or value > above)


def _limits(at_least: float, above: float | None, at_most: float) -> str:
    low = f"of at least {at_least:g}" if above is None else f"greater than {above:g}"
    return low if math.isinf(at_most) else f"{low} and at most {at_most:g}"
