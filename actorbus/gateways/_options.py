"""What a gateway's class may be told by keywords, and the check of it when a bus starts.

They are options for everything that is sent through it; a call's own come before them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypedDict, cast

from actorbus._errors import MessageRefused
from actorbus.codecs import known_content_types
from actorbus.declaring._handlers import Kind
from actorbus.gateways._way import Way
from actorbus.messages._types import did_you_mean
from actorbus.options._failure_policy import policy_text
from actorbus.options._instant_retry import InstantRetry
from actorbus.options._options import (
    SEND_OPTIONS,
    Delay,
    Seconds,
    SendOptions,
    as_seconds,
    checked_headers,
)
from actorbus.options._ordering import OrderingRule, checked_wish
from actorbus.options._retry_checks import retry_contradictions
from actorbus.options._rules import arity as arity
from actorbus.options._rules import is_rule
from actorbus.options._timing import timing
from supervisors import Retry

NOT_FOR_ALL = frozenset({"message_id", "correlation_id", "routing_key", "deliver_at"})
"""Send options that are one message's."""


class GatewayOptions(TypedDict, total=False):
    """What a gateway's class may be told: `class OutboxEventBus(EventBus, channel="outbox")`.

    `channel` is what handlers without a channel of their own get its messages through. `retry` is
    an `InstantRetry` for handlers that it calls synchronously, or a `Retry` for those that are
    called later. What fails for good goes to the handler of `error_channel`; a synchronous call
    then returns None instead of raising. `deduplicate` makes a key of the
    message, or of message and headers: of two with one key the second is not sent. `delay`,
    `priority`, `time_to_live`, `ordering_key`, `headers` and `content_type` are those of
    `SendOptions`. `timeout` is how long its queries' answers are waited for; of others the time
    limit of their handlers.
    """

    channel: str
    retry: InstantRetry | Retry
    error_channel: str
    deduplicate: Callable[..., object]
    delay: Delay
    priority: int
    time_to_live: Seconds
    ordering_key: str | OrderingRule
    headers: Mapping[str, str]
    content_type: str
    timeout: Seconds


GATEWAY_OPTIONS = frozenset(GatewayOptions.__annotations__) | (SEND_OPTIONS - NOT_FOR_ALL)
_WAY_OPTIONS = ("channel", "retry", "deduplicate", "error_channel")
_QUERY_OPTIONS = frozenset({"channel", "retry", "headers", "timeout"})


def way_of(kind: Kind, gateway: type, given: Mapping[str, Any], inherited: Way | None) -> Way:
    """Return how a gateway sends, by its own keywords and those of the class it extends."""
    before = {name: getattr(inherited, name, None) for name in _WAY_OPTIONS}
    before["retry"] = before["retry"] or getattr(inherited, "later", None)
    own = {name: given.get(name, before[name]) for name in _WAY_OPTIONS}
    later = own["retry"] if isinstance(own["retry"], Retry) else None
    error_channel = own["error_channel"]
    named = error_channel if isinstance(error_channel, str) else None
    options = {} if inherited is None else dict(inherited.options)
    options |= {name: value for name, value in given.items() if name not in _WAY_OPTIONS}
    return Way(
        kind,
        gateway,
        own["channel"],
        options,
        None if later is not None else own["retry"],
        own["deduplicate"],
        later,
        error_channel,
        policy_text(named, later),
    )


def way_faults(way: Way, *, asynchronous: bool) -> Iterator[str]:
    """Say what is wrong with a gateway's keywords.

    `asynchronous` tells whether anything that it sends can be handled later.
    """
    for name in way.options.keys() - GATEWAY_OPTIONS:
        yield f"a gateway has no option {name}={did_you_mean(name, GATEWAY_OPTIONS)}"
    yield from _retry_faults(way, asynchronous=asynchronous)
    yield from _kind_faults(way, asynchronous=asynchronous)
    if way.deduplicate is not None and not is_rule(way.deduplicate):
        yield f"deduplicate={way.deduplicate!r} is not a function of the message, and the headers"
    content_type = way.options.get("content_type")
    if content_type is not None and content_type not in known_content_types():
        known = " or ".join(repr(name) for name in known_content_types())
        yield f"content_type={content_type!r} is not allowed: give {known}"
    try:
        timing(cast("SendOptions", way.options), 0.0)
        checked_headers(way.options.get("headers", {}))
        if "ordering_key" in way.options:
            checked_wish(way.options["ordering_key"])
    except MessageRefused as error:
        yield str(error)


def _retry_faults(way: Way, *, asynchronous: bool) -> Iterator[str]:
    if way.later is not None:
        yield from retry_contradictions(way.later)
        if not asynchronous:
            yield (
                "retry=Retry(...) needs a channel: every handler of its messages is synchronous;"
                " give InstantRetry(...) to have it called again at once"
            )
    if way.retry is None:
        return
    if not isinstance(way.retry, InstantRetry):
        yield f"retry={way.retry!r} is not allowed: give an InstantRetry or a Retry"
        return
    yield from way.retry.problems()
    if way.channel is not None:
        yield (
            "retry=InstantRetry(...) contradicts channel=: what is stored is retried by its"
            " channel's or its handler's retry="
        )


def _kind_faults(way: Way, *, asynchronous: bool) -> Iterator[str]:
    given = {name for name in GATEWAY_OPTIONS if name in way.options}
    given |= {name for name in _WAY_OPTIONS if getattr(way, name) is not None}
    if way.later is not None and way.kind == "query":
        yield "retry=Retry(...) is not for queries: give InstantRetry(...)"
    if way.kind == "query":
        for name in sorted(given - _QUERY_OPTIONS):
            yield f"{name}= is not for queries: who asks one waits for its answer"
        yield from _timeout_faults(way)
        return
    yield from _timeout_faults(way)
    if not asynchronous:
        for name in sorted(
            given & {"delay", "priority", "time_to_live", "timeout", "ordering_key"}
        ):
            yield f"{name}= needs a channel: every handler of its messages is synchronous"


def _timeout_faults(way: Way) -> Iterator[str]:
    timeout = way.options.get("timeout")
    if timeout is not None and (as_seconds(timeout) or 0) <= 0:
        yield f"timeout={timeout!r} is not allowed: give seconds, more than 0"
