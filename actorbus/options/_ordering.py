"""Ordering keys: which messages of an endpoint are handled one after the other. Pure.

Rules: (1) a key is worked out when a message is sent, and stored with each copy; (2) an endpoint's
messages of one key (and one tenant) are handled in the order of their sending, one at a time,
whoever handles them; (3) what waits for its time takes its place when it is due; (4) what a
failure means for its key's later messages is the handler's to say, else its channel's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol, get_args
from uuid import UUID

from actorbus._errors import InvalidMessage, InvalidSendOption, MessageRefused
from actorbus._settlement import DeadLetter, Divert, Retry, Settlement
from actorbus.options._rules import ask, is_rule

OnFailure = Literal["wait", "park", "skip"]
OrderingRule = Callable[..., object]
"""A function of the message, or of message and headers: `header("customer")`, `field("customer")`.

It returns a text, a whole number or a UUID; None for a message that keeps no order.
"""

LONGEST_KEY: Final = 200
_WHAT: Final = "header(...), field(...), a function of the message, or of message and headers"
_POLICIES: Final = get_args(OnFailure)


@dataclass(frozen=True, slots=True)
class Ordering:
    """Messages of one key are handled in the order of their sending, one at a time.

    `key` is asked when a message is sent: `field("customer")`, `header("customer")`, or a function
    of the message, or of message and headers. When a message fails, its key's later messages

    - "wait" until its retries have succeeded, or it is a dead letter (the default);
    - "park": wait like that, and if it is a dead letter until that is replayed or deleted;
    - "skip": do not wait; the failed one is tried again when it is due, one at a time still.

    Others' keys never wait. `ordering_key=field("customer")` is `Ordering(field("customer"))`.
    """

    key: OrderingRule
    on_failure: OnFailure = "wait"

    def problems(self) -> Iterator[str]:
        """Say what is wrong with it, a sentence each."""
        if not is_rule(self.key):
            yield f"ordering_key={self.key!r} is not allowed: give {_WHAT}"
        if self.on_failure not in _POLICIES:
            allowed = ", ".join(map(repr, _POLICIES))
            yield f"on_failure={self.on_failure!r} is not allowed: give one of {allowed}"


def ordering_of(value: Any) -> Ordering | None:
    """Return what a handler or a channel was told; a rule alone has the default policy."""
    return value if value is None or isinstance(value, Ordering) else Ordering(value)


def ordering_faults(value: object) -> Iterator[str]:
    """Say what is wrong with a handler's or a channel's ordering key."""
    if isinstance(value, str):
        yield (
            f"ordering_key={value!r} is one key for all messages: give {_WHAT};"
            " concurrency=1 handles all of them one after the other"
        )
        return
    ordering = ordering_of(value)
    if ordering is not None:
        yield from ordering.problems()


class Ordered(Protocol):
    """A handler with what its channel says, or a channel."""

    @property
    def ordering_key(self) -> "OrderingRule | Ordering | None": ...
    @property
    def priority(self) -> int | None: ...


def order_faults(options: Ordered) -> Iterator[str]:
    """Say why an order cannot be kept."""
    if options.ordering_key is not None and options.priority:
        yield (
            f"ordering_key= contradicts priority={options.priority!r}: what goes first is not in"
            " order; drop one"
        )


def checked_wish(value: object) -> "str | OrderingRule":
    """Return a sender's key: a text, or a rule. Raises InvalidSendOption."""
    if isinstance(value, str) and not _key_fault(value):
        return value
    if is_rule(value):
        return value  # type: ignore[return-value]  # a function, as `is_rule` has seen
    raise InvalidSendOption(
        f"ordering_key={value!r} is not allowed: give a text of 1 to {LONGEST_KEY} characters,"
        f" {_WHAT}"
    )


def key_of(
    rule: "str | OrderingRule", who: str, message: Any, headers: Mapping[str, str]
) -> str | None:
    """Return the key of a message; None if it keeps no order.

    Raises InvalidMessage naming `who` orders by it, and whatever the rule raises.
    """
    if isinstance(rule, str):
        return rule
    try:
        key = ask(rule, message, headers)
    except MessageRefused as error:  # what header(...) and field(...) raise where there is nothing
        raise InvalidMessage(f"{who}: ordering_key=: {error}") from error
    if key is None:
        return None
    is_number = isinstance(key, int) and not isinstance(key, bool)
    text = str(key) if is_number or isinstance(key, UUID) else key
    if not isinstance(text, str) or _key_fault(text):
        raise InvalidMessage(
            f"{who}: ordering_key= gave {key!r}; give a text of 1 to {LONGEST_KEY} characters,"
            " a whole number, a UUID, or None"
        )
    return text


def under(policy: OnFailure, settlement: Settlement) -> Settlement:
    """Return the settlement of a message with a key, with what it means for that key."""
    match policy, settlement:
        case "skip", Retry():
            return replace(settlement, gives_up_turn=True)
        case "park", DeadLetter() | Divert():
            return replace(settlement, parks_key=True)
        case _:
            return settlement


def _key_fault(text: str) -> bool:
    return not text or len(text) > LONGEST_KEY or not text.isprintable()
