"""How a handler is fed: in batches, at a rate, so many at once. Options, checked at start-up."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from actorbus.options._options import COUNT, Checked, Seconds, as_seconds, is_count, is_whole

LARGEST_BATCH: Final = 10_000
"""Messages of one batch, at most: they are in memory, and in one transaction, together."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Hand a handler up to `size` messages at once, as a list.

    A batch begins when it is full, or `wait` seconds after its first message was there. With 0 it
    is what there is.
    """

    size: int
    wait: Seconds = 0.1

    @property
    def seconds(self) -> float:
        """`wait` in seconds."""
        return as_seconds(self.wait) or 0.0

    def problems(self) -> Iterator[str]:
        """Say what is wrong with it, a sentence each."""
        if not is_whole(self.size) or not 1 <= self.size <= LARGEST_BATCH:
            allowed = f"a whole number from 1 to {LARGEST_BATCH:,}"
            yield f"batch=Batch(size={self.size!r}) is not allowed: give {allowed}"
        wait = as_seconds(self.wait)
        if wait is None or wait < 0:
            yield f"batch=Batch(wait={self.wait!r}) is not allowed: give seconds, 0 or more"


@dataclass(frozen=True, slots=True)
class Rate:
    """Start a handler at most `count` times in `per` seconds, in this process.

    It is a token bucket: in any time t at most `burst + count * t / per` messages begin. `burst`
    is a tenth of `count`, and at least 1, unless given. `by="tenant"` gives each tenant of a
    dynamic channel a rate of its own; `by="endpoint"` is one rate for all of them together.
    """

    count: int
    per: Seconds = 1.0
    by: Literal["endpoint", "tenant"] = "endpoint"
    burst: int | None = None

    @property
    def per_second(self) -> float:
        """How many a second."""
        return self.count / (as_seconds(self.per) or 1.0)

    @property
    def at_once(self) -> int:
        """The burst: how many may begin at one moment after a pause."""
        return max(1, self.count // 10) if self.burst is None else self.burst

    def problems(self) -> Iterator[str]:
        """Say what is wrong with it, a sentence each."""
        if not is_count(self.count):
            yield f"rate_limit=Rate(count={self.count!r}) is not allowed: give {COUNT}"
        per = as_seconds(self.per)
        if per is None or per <= 0:
            yield f"rate_limit=Rate(per={self.per!r}) is not allowed: give seconds, more than 0"
        if self.by not in ("endpoint", "tenant"):
            yield f"rate_limit=Rate(by={self.by!r}) is not allowed: give 'endpoint' or 'tenant'"
        if self.burst is not None and not is_count(self.burst):
            yield f"rate_limit=Rate(burst={self.burst!r}) is not allowed: give {COUNT}"


_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def as_rate(value: object) -> Rate | None:
    """Return a Rate, also of a text like "100/s" (or /m, /h, /d); None for anything else."""
    if isinstance(value, Rate):
        return value
    found = re.fullmatch(r"(\d{1,15})/([smhd])", value) if isinstance(value, str) else None
    return None if found is None else Rate(int(found[1]), per=_UNITS[found[2]])


@dataclass(frozen=True, slots=True)
class ByLoad:
    """Let as many messages of an endpoint run at once as do it good: `minimum` to `maximum`.

    The number grows while messages wait and the handler does not get slower by it, and shrinks
    when it does, or when most of its calls fail.
    """

    minimum: int = 1
    maximum: int = 50

    def __str__(self) -> str:
        return f"{self.minimum} to {self.maximum}"

    def problems(self) -> Iterator[str]:
        """Say what is wrong with it, a sentence each."""
        for name, value in (("minimum", self.minimum), ("maximum", self.maximum)):
            if not is_count(value):
                yield f"concurrency=ByLoad({name}={value!r}) is not allowed: give {COUNT}"
                return
        if self.maximum < self.minimum:
            yield f"concurrency={self!r} is not allowed: maximum is less than minimum"


Concurrency = int | ByLoad
V = TypeVar("V", Batch, Rate, ByLoad)


def most_at_once(concurrency: Concurrency) -> int:
    """Return how many may run at once, at most."""
    return concurrency.maximum if isinstance(concurrency, ByLoad) else concurrency


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """What one handler was told of all this; None leaves it to its channel, or means none."""

    concurrency: Concurrency | None
    rate: Rate | None
    batch: Batch | None


def checked_flow(given: Mapping[str, Any], checked: Checked) -> FlowOptions:
    """Return a handler's options; what is wrong with them is added to `checked.problems`."""
    return FlowOptions(_concurrency(given, checked), _rate(given, checked), _batch(checked))


def _concurrency(given: Mapping[str, Any], checked: Checked) -> Concurrency | None:
    value = given.get("concurrency")
    if not isinstance(value, ByLoad):
        return checked.whole("concurrency", at_least=1)
    return _without_problems(value, checked)


def _rate(given: Mapping[str, Any], checked: Checked) -> Rate | None:
    value = given.get("rate_limit")
    rate = as_rate(value)
    if rate is not None:
        return _without_problems(rate, checked)
    if value is not None:
        allowed = 'Rate(100, per=1.0) or a text like "100/s" (/m, /h, /d)'
        checked.problems.append(f"rate_limit={value!r} is not allowed: give {allowed}")
    return None


def _batch(checked: Checked) -> Batch | None:
    value: Batch | None = checked.of_type("batch", Batch, "Batch(size=..., wait=...)")
    return None if value is None else _without_problems(value, checked)


def _without_problems(value: V, checked: Checked) -> V | None:
    problems = list(value.problems())
    checked.problems += problems
    return None if problems else value
