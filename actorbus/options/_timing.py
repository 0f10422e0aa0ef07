"""When a message is due, how it queues, and how long it lives: the wishes of one place, checked.

Which place's wishes count is in `_precedence`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from actorbus._errors import InvalidSendOption
from actorbus.options._options import (
    WHOLE,
    SendOptions,
    as_seconds,
    delay_fault,
    is_64_bit,
    is_aware,
)
from actorbus.options._rules import ask

DelayRule = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Timing:
    """None leaves it to the next place. Of `delay`, `deliver_at` and `rule` at most one is set."""

    delay: float | None = None
    deliver_at: float | None = None
    priority: int | None = None
    time_to_live: float | None = None
    rule: DelayRule | None = None

    def due(self, who: str, message: Any, headers: Mapping[str, str]) -> "Timing":
        """Return when a message is due, with the rule, if there is one, asked.

        Raises InvalidSendOption naming `who` said so, and whatever the rule raises.
        """
        if self.rule is None:
            return self
        value = ask(self.rule, message, headers)
        fault = None if value is None else delay_fault(value, rule_allowed=False)
        if fault is not None:
            raise InvalidSendOption(f"{who}: the function delay= returned {value!r}: {fault}")
        return due_by(0.0 if value is None else value)

    @property
    def has_due_time(self) -> bool:
        """Whether it says when the message is due."""
        return self.delay is not None or self.deliver_at is not None or self.rule is not None


NO_TIMING = Timing()


def due_by(delay: Any, *, priority: int | None = None, life: float | None = None) -> Timing:
    """Return the timing of a delay that was checked: a span, a time, a rule, or None."""
    if isinstance(delay, datetime):
        return Timing(None, delay.timestamp(), priority, life)
    seconds = as_seconds(delay)
    if delay is None or seconds is not None:
        return Timing(seconds, None, priority, life)
    return Timing(None, None, priority, life, delay)


def timing(options: SendOptions, now: float) -> Timing:
    """Return a sender's wishes, checked. Raises InvalidSendOption naming option and value."""
    if "delay" in options and "deliver_at" in options:
        raise InvalidSendOption("delay= and deliver_at= contradict each other; drop one")
    priority = _optional(options, "priority", _priority)
    life = _optional(options, "time_to_live", _life)
    if "deliver_at" in options:
        return Timing(None, _deliver_at(options["deliver_at"], now), priority, life)
    return due_by(_optional(options, "delay", _delay), priority=priority, life=life)


def _optional(options: Mapping[str, Any], name: str, check: Callable[[str, Any], Any]) -> Any:
    return check(name, options[name]) if name in options else None


def _delay(name: str, value: object) -> object:
    fault = delay_fault(value)
    if fault is not None:
        raise InvalidSendOption(f"{name}={value!r} is not allowed: {fault}")
    return value


def _life(name: str, value: object) -> float:
    seconds = as_seconds(value)
    if seconds is None or seconds <= 0:
        raise InvalidSendOption(f"{name}={value!r} is not allowed: give seconds, more than 0")
    return seconds


def _priority(name: str, value: object) -> int:
    if not is_64_bit(value):
        raise InvalidSendOption(f"{name}={value!r} is not allowed: give {WHOLE}")
    return value


def _deliver_at(value: object, now: float) -> float:
    at = _unix_time(value)
    if at is None:
        raise InvalidSendOption(
            f"deliver_at={value!r} is not allowed: give a datetime with a time zone, or Unix time"
        )
    if at < now:
        when = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        raise InvalidSendOption(f"deliver_at={value!r} is in the past (it is {when})")
    return at


def _unix_time(value: object) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp() if is_aware(value) else None
    return as_seconds(value)
