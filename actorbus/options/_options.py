"""Options of handlers and of single sends: what they may be, checked when they are given."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeGuard

from actorbus._errors import InvalidHeader, InvalidSendOption
from actorbus.codecs import Strictness, UnknownFields
from actorbus.options._ordering import Ordering, OrderingRule, ordering_faults
from actorbus.options._rules import is_rule
from supervisors import Retry

if TYPE_CHECKING:
    from actorbus.options._flow import Batch, Concurrency, Rate
    from actorbus.options._instant_retry import InstantRetry

Seconds = float | timedelta
"""A span of time: a number of seconds, or a timedelta."""

Delay = Seconds | datetime | Callable[..., Any]
"""A span from now, a time with a zone (one that has passed: at once), or a function.

A function of the message, or of message and headers, is asked when a message is sent. It returns
one of the others, or None: at once. What it raises, or returns wrongly, is the sender's.
"""

Deduplicate = Callable[..., object] | bool
"""How two messages are told to be one: a function of the message, or of message and headers.

True is the message id, where the sender chose it; False is not at all.
"""

RunsOn = Literal["trio", "asyncio", "process"]


class CalledHandlerOptions(TypedDict, total=False):
    """What every handler may be told, called at once or through a channel.

    `runs_on` is for `async def` handlers: "trio" or "asyncio" (the default is the bus's), and for
    plain ones "process". Past `timeout` seconds the handler is cancelled (`HandlerTimeout`).
    `endpoint_id` replaces `module.function`. `retry=InstantRetry(...)` calls it again when it
    fails. `conversion` is "strict" or "lax", `unknown_fields`
    "refuse" or "ignore"; both are the bus's, unless given.
    """

    runs_on: RunsOn
    timeout: Seconds
    endpoint_id: str
    retry: "Retry | InstantRetry"
    conversion: Strictness
    unknown_fields: UnknownFields


class QueryHandlerOptions(CalledHandlerOptions, total=False):
    """What a query's handler may be told; what follows `channel` needs one.

    `channel` is what it is asked through, wherever that is consumed; the answer comes back to who
    asked. `concurrency` is how many run at once, `rate_limit` how many begin in a time.
    `permanent` are errors that are never retried, `outage` those that say that a dependency is
    down: then the query waits, as long as its asker does. `aliases` are endpoint ids that it had
    before.
    """

    channel: str
    concurrency: "Concurrency"
    rate_limit: "Rate | str"
    outage: type[BaseException] | tuple[type[BaseException], ...]
    permanent: type[BaseException] | tuple[type[BaseException], ...]
    aliases: tuple[str, ...]


class HandlerOptions(QueryHandlerOptions, total=False):
    """What a command's or an event's handler may be told; most of it needs a channel.

    `channel` makes it asynchronous: it is sent a copy through that channel. `delay` (see `Delay`),
    `priority` (higher first) and `time_to_live` (from when it is due) are given to its copies,
    unless their sender says otherwise; what is not given here is the channel's. `deduplicate`
    makes a key of the message: of two with one key the second is not handled (see
    `Deduplicate`). Messages of one `ordering_key`, a rule or an `Ordering`, are handled one after
    the other. `concurrency` is
    how many run at once (a number, or `ByLoad(...)`), `rate_limit` how many begin in a time, as a
    `Rate` or "100/s". With `batch` the function takes a list of messages. `retry` is how often and
    when again. `permanent` are errors that are never retried, `outage` those that say that a
    dependency is down; `breaker` is how many failures of other kinds in a row say so too. `aliases`
    are endpoint ids that it had before. With `distributed=True` other services reach it, under its
    routing key or its type's registered name. What fails for good goes to the
    handler of `error_channel`.

    With `group_commit=10` up to ten of its transactions share one of PostgreSQL's, each in a
    savepoint: for handlers of a few milliseconds whose commits are dear. A group takes nobody in
    after 20 milliseconds. A handler that waits 5 milliseconds for a lock in it, has a statement of
    more than 100, or keeps others that are done from their commit for 20, is undone, and runs
    once more in a transaction of its own, which counts as no attempt. `SET LOCAL`, `now()`,
    temporary tables and advisory locks are the group's. SQLite's transactions share commits
    anyway: there it has no effect.
    """

    delay: Delay
    priority: int
    time_to_live: Seconds
    deduplicate: Deduplicate
    ordering_key: OrderingRule | Ordering
    batch: "Batch"
    breaker: int
    distributed: bool
    error_channel: str
    group_commit: int


class ErrorHandlerOptions(TypedDict, total=False):
    """What the handler of an error channel may be told; see `HandlerOptions`.

    `channel` is the error channel, and has to be given.
    """

    channel: str
    concurrency: "Concurrency"
    rate_limit: "Rate | str"
    retry: Retry
    outage: type[BaseException] | tuple[type[BaseException], ...]
    permanent: type[BaseException] | tuple[type[BaseException], ...]
    breaker: int
    timeout: Seconds
    runs_on: RunsOn
    endpoint_id: str
    aliases: tuple[str, ...]


QUERY_OPTIONS = frozenset(QueryHandlerOptions.__annotations__)
HANDLER_OPTIONS = frozenset(HandlerOptions.__annotations__)
ERROR_HANDLER_OPTIONS = frozenset(ErrorHandlerOptions.__annotations__)
CHANNEL_OPTIONS = (
    HANDLER_OPTIONS
    - CalledHandlerOptions.__annotations__.keys()
    - {"channel", "permanent", "distributed"}
)


class SendOptions(TypedDict, total=False):
    """What a sender may say about one message.

    `headers` are text; those of the message being handled are passed on as well. An explicit
    `message_id` makes the send repeatable: an endpoint that was sent a message of this id is not
    sent it again. `delay` is a span from now, a time with a zone, or a function (see `Delay`);
    `deliver_at` a time with a zone, or seconds of Unix time, that has not passed. `time_to_live`
    is from when it is due: after it no handler starts. `priority`: higher first.
    `ordering_key` is the key itself, a text, or a rule. `retry` is
    how often it is tried on its channel, and when again; past `timeout` seconds its handler is
    cancelled. All of these come before what the handler and its channel say. `routing_key`
    names plain data.
    `content_type` is "application/msgpack" (the default) or "application/json".
    """

    headers: Mapping[str, str]
    message_id: str
    correlation_id: str
    routing_key: str
    content_type: str
    delay: Delay
    deliver_at: datetime | float
    priority: int
    time_to_live: Seconds
    ordering_key: str | OrderingRule
    retry: Retry
    timeout: Seconds


class QueryOptions(SendOptions, total=False):
    """What an asker may say about one query. `timeout` is how long its answer is waited for."""


SEND_OPTIONS = frozenset(SendOptions.__annotations__)


def delay_fault(value: object, *, rule_allowed: bool = True) -> str | None:
    """Return what is wrong with a delay; None if it can be meant."""
    if isinstance(value, datetime):
        return None if is_aware(value) else "it has no time zone; use datetime(..., tzinfo=UTC)"
    if rule_allowed and callable(value):
        return None if is_rule(value) else "a function takes the message, or message and headers"
    seconds = as_seconds(value)
    if seconds is not None and seconds >= 0:
        return None
    rule = ", or a function that returns one of these" if rule_allowed else ""
    return f"give seconds (0 or more), a timedelta, a datetime with a time zone{rule}"


def is_aware(value: datetime) -> bool:
    """Return whether a time has a zone, without which it is a different one in each process."""
    return value.utcoffset() is not None


def as_seconds(value: object) -> float | None:
    """Return a finite number or a timedelta as seconds; None for anything else."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether this is an int, and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


WHOLE = "a whole number of at most 64 bits"


def is_64_bit(value: object) -> TypeGuard[int]:
    """Return whether this is a whole number that every store can hold."""
    return is_whole(value) and -(2**63) <= value < 2**63


def is_count(value: object) -> TypeGuard[int]:
    """Return whether this is a whole number of at least 1 that every store can hold."""
    return is_64_bit(value) and value >= 1


COUNT = "a whole number of at least 1 and at most 64 bits"


def is_text(value: object) -> TypeGuard[str]:
    """Return whether this is a text that can be written: one without lone surrogates."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_storable(value: object, most: int) -> TypeGuard[str]:
    """Return whether every store can hold this as a text of a column, of at most so many bytes."""
    return is_text(value) and "\0" not in value and len(value.encode()) <= most


def checked_headers(headers: object) -> Mapping[str, str]:
    """Return the headers as plain text. Raises InvalidHeader naming the first that is none."""
    if not isinstance(headers, Mapping):
        raise InvalidHeader(f"headers={headers!r} is not a mapping of text to text")
    return {_header_name(name): _header_value(name, value) for name, value in headers.items()}


def _header_name(name: object) -> str:
    if not is_text(name) or not name:
        raise InvalidHeader(f"the header name {name!r} is not a text of at least one character")
    return str.__str__(name)  # of a subclass the text


def _header_value(name: object, value: object) -> str:
    if not is_text(value):
        kind = type(value).__name__
        why = "has a lone surrogate" if kind == "str" else f"is {kind}, not text"
        raise InvalidHeader(f"header {name!r}: the value {value!r} {why}")
    return str.__str__(value)  # of a subclass the text


def checked_id(name: str, value: object) -> str:
    """Return an id that the sender chose. Raises InvalidSendOption."""
    if isinstance(value, str) and value and value.isprintable() and len(value) <= LONGEST_ID:
        return value
    raise InvalidSendOption(
        f"{name}={value!r} is not allowed: give a printable text of 1 to {LONGEST_ID} characters"
    )


LONGEST_ID = 200


class Checked:
    """Reads a handler's options one by one, collecting what is wrong with them."""

    __slots__ = ("_options", "problems")

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self.problems: list[str] = []

    def seconds(self, name: str, *, above_zero: bool = True) -> float | None:
        """Return a span in seconds, or None if the option was not given or is refused."""
        value = self._options.get(name)
        if value is None:
            return None
        seconds = as_seconds(value)
        if seconds is None or seconds < 0 or (above_zero and seconds == 0):
            limit = "more than 0" if above_zero else "0 or more"
            self._refuse(name, f"seconds (a number or a timedelta), {limit}")
            return None
        return seconds

    def delay(self, name: str) -> Any:
        """Return a delay, or None."""
        value = self._options.get(name)
        fault = None if value is None else delay_fault(value)
        if fault is None:
            return value
        self.problems.append(f"{name}={value!r} is not allowed: {fault}")
        return None

    def ordering(self, name: str) -> Any:
        """Return a rule or an Ordering, or None."""
        value = self._options.get(name)
        faults = list(ordering_faults(value))
        self.problems += faults
        return None if faults else value

    def whole(self, name: str, *, at_least: int | None = None) -> int | None:
        """Return a whole number, or None."""
        value = self._options.get(name)
        if value is None or (is_64_bit(value) and (at_least is None or value >= at_least)):
            return value
        limit = WHOLE if at_least is None else f"a whole number of at least {at_least}"
        self._refuse(name, limit)
        return None

    def of_type(self, name: str, kind: Any, allowed: str) -> Any:
        """Return a value of a type, or None."""
        value = self._options.get(name)
        if value is None or isinstance(value, kind):
            return value
        self._refuse(name, allowed)
        return None

    def function(self, name: str) -> Callable[..., Any] | None:
        """Return a callable, or None."""
        value = self._options.get(name)
        if value is None or callable(value):
            return value
        self._refuse(name, "a function")
        return None

    def deduplicate(self, name: str) -> Any:
        """Return a rule, True or False, or None."""
        value = self._options.get(name)
        if value is None or isinstance(value, bool) or callable(value):
            return value
        self._refuse(name, "a function of the message, or of message and headers, True or False")
        return None

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return one of the choices, or None."""
        value = self._options.get(name)
        if value is None or value in choices:
            return value
        self._refuse(name, " or ".join(repr(choice) for choice in choices))
        return None

    def exceptions(self, name: str) -> tuple[type[BaseException], ...] | None:
        """Return a tuple of exception types, or None; one type alone will do."""
        value = self._options.get(name)
        if value is None:
            return None
        kinds = value if isinstance(value, tuple) else (value,)
        if all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            return kinds
        self._refuse(name, "an exception type or a tuple of them")
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a tuple of texts, () if not given."""
        value = self._options.get(name, ())
        if isinstance(value, tuple | list) and all(
            isinstance(text, str) and text for text in value
        ):
            return tuple(value)
        self._refuse(name, "a tuple of texts")
        return ()

    def _refuse(self, name: str, allowed: str) -> None:
        self.problems.append(f"{name}={self._options[name]!r} is not allowed: give {allowed}")


def contradictions(options: Mapping[str, Any], *, asynchronous: bool) -> Iterator[str]:
    """Say which of a handler's options cannot be meant together."""
    if not asynchronous:
        for name in sorted(CHANNEL_OPTIONS & options.keys()):
            yield f"{name}= needs channel=: a synchronous handler runs when it is called"
    both = set(_kinds(options.get("permanent"))) & set(_kinds(options.get("outage")))
    for kind in sorted(both, key=repr):
        yield f"{kind.__qualname__} is both permanent= and outage=: drop one"


def _kinds(value: object) -> tuple[type, ...]:
    kinds = value if isinstance(value, tuple) else (value,)
    return tuple(kind for kind in kinds if isinstance(kind, type))
