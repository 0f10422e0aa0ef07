"""Errors that carry their own delay, which takes the place of their channel's."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from actorbus._errors import ActorBusError
from actorbus.options._options import Seconds, as_seconds
from supervisors import leaves


class RetryAfter(ActorBusError):
    """Raise this, or a subclass, in a handler: its message is tried again after this delay.

    `RetryAfter(30)` counts from when the handler failed, in seconds or as a timedelta, and
    `RetryAfter(datetime(..., tzinfo=UTC))` is a time. It takes the place of the delay that the
    channel's or handler's `retry` says; the attempt counts, and a message whose attempts are
    used up becomes a dead letter all the same. A synchronous handler's is raised to its caller.
    Raises ValueError for a delay that is negative or no time, and for a datetime without a zone.
    """

    def __init__(self, delay: Seconds | datetime, message: str = "") -> None:
        if delay_of(delay, 0.0) is None:
            raise ValueError(
                f"RetryAfter({delay!r}) is not allowed: give seconds of 0 or more, a timedelta,"
                " or a datetime with a time zone"
            )
        super().__init__(message or f"again {_words(delay)}")
        self.retry_after = delay

    def __reduce__(self) -> tuple[type["RetryAfter"], tuple[Seconds | datetime, str]]:
        return type(self), (self.retry_after, str(self))


class OwnDelay(NamedTuple):
    """What the parts of an error want: seconds, and whether all of them said so."""

    seconds: float
    alone: bool

    def instead_of(self, delay: float) -> float:
        """Return the longest delay that a part wants; those without their own want `delay`."""
        return self.seconds if self.alone else max(self.seconds, delay)


def own_delay(error: BaseException, now: float) -> OwnDelay | None:
    """Return the delay that an error carries, None if it carries none; `now` is Unix time.

    Every exception with an attribute `retry_after` carries one: seconds, a timedelta, or a
    datetime with a zone. Of a group the longest counts.
    """
    found = [_carried(leaf, now) for leaf in leaves(error)]
    own = [delay for delay in found if delay is not None]
    return OwnDelay(max(own), len(own) == len(found)) if own else None


def carries_delay(error: BaseException) -> bool:
    """Return whether an error, or a part of it, says when to try again."""
    return own_delay(error, 0.0) is not None


def delay_of(value: object, now: float) -> float | None:
    """Return the seconds from `now` that this means, None if it means none."""
    if isinstance(value, datetime):
        return None if value.tzinfo is None else max(0.0, value.timestamp() - now)
    seconds = as_seconds(value)
    return None if seconds is None or seconds < 0 else seconds


def delaying(kinds: Iterable[type[BaseException]]) -> tuple[type[BaseException], ...]:
    """Return those types that are a RetryAfter."""
    return tuple(kind for kind in kinds if issubclass(kind, RetryAfter))


def _carried(error: BaseException, now: float) -> float | None:
    try:
        return delay_of(getattr(error, "retry_after", None), now)
    except Exception:  # noqa: BLE001  an attribute that is the handler's own code, and fails
        return None


def _words(delay: Seconds | datetime) -> str:
    if isinstance(delay, datetime):
        return f"at {delay.astimezone(UTC).isoformat(timespec='seconds')}"
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    return f"after {seconds:g} s"
