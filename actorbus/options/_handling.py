"""What a sender says about the handling of one message: its retries, and its time limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actorbus._errors import InvalidSendOption
from actorbus.options._options import as_seconds
from actorbus.options._retry_checks import retry_contradictions
from supervisors import Retry

HANDLING_OPTIONS = frozenset({"retry", "timeout"})


@dataclass(frozen=True, slots=True)
class Handling:
    """None leaves it to the gateway, the handler and the channel. `timeout` is seconds."""

    retry: Retry | None = None
    timeout: float | None = None


def handling(options: Mapping[str, Any]) -> Handling:
    """Return a sender's wishes, checked. Raises InvalidSendOption naming option and value."""
    return Handling(_retry(options.get("retry")), _timeout(options.get("timeout")))


def _retry(value: object) -> Retry | None:
    if value is None:
        return None
    if not isinstance(value, Retry):
        raise InvalidSendOption(
            f"retry={value!r} is not allowed: give a Retry; an InstantRetry is for handlers that"
            " are called at once, and is said by the handler or its gateway"
        )
    for fault in retry_contradictions(value):
        raise InvalidSendOption(fault)
    return value


def _timeout(value: object) -> float | None:
    seconds = as_seconds(value)
    if value is not None and (seconds is None or seconds <= 0):
        raise InvalidSendOption(f"timeout={value!r} is not allowed: give seconds, more than 0")
    return seconds
