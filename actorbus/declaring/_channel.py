"""Channels as they are declared: frozen options, and the rules that name a message's tenant.

What runs behind them is in `channels/` (one supervised actor each) and in `endpoints/`.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from dataclasses import field as attribute
from typing import ClassVar, Literal, TypedDict

from actorbus.declaring._tenant_rules import TenantRule
from actorbus.options._flow import ByLoad, Concurrency, most_at_once
from actorbus.options._grouping import group_faults
from actorbus.options._options import (
    COUNT,
    Checked,
    Deduplicate,
    Delay,
    Seconds,
    as_seconds,
    is_count,
    is_whole,
)
from actorbus.options._ordering import Ordering, OrderingRule, order_faults
from supervisors import Backoff, Retry

Tenants = Collection[str] | Mapping[str, str]
TenantsFunction = Callable[..., Tenants | Awaitable[Tenants]]
Throttle = Callable[[str], bool | float | Awaitable[bool | float]]

Inbox = Literal["last", "first"]
INBOXES = ("last", "first")
FinalFailure = Literal["release", "resend", "stop"]
FINAL_FAILURES = ("release", "resend", "stop")
OUTAGES: tuple[type[BaseException], ...] = (ConnectionError, TimeoutError)
CAPABILITIES = frozenset({"delay", "priority", "time_to_live", "ordering_key"})
"""What a kind of channel may honour or not; those on the store honour all of it."""


@dataclass(frozen=True, slots=True)
class StoreChannel:
    """A channel on the store: every endpoint on it has an actor, a queue and a budget of its own.

    `retry` is the messages' health: attempts, and how long a failed one waits. `backoff` is the
    endpoints': how long one whose dependency is down rests before it probes again. An endpoint
    runs at most `concurrency` messages at once (a number, or `ByLoad(...)`), and holds at most
    `max_in_flight` claimed ones, running and uncommitted ones included. `outage` are the errors
    that say a dependency is down.
    `delay`, `priority`, `time_to_live`, `timeout`, `deduplicate` and `ordering_key` are for
    messages and handlers that do not say otherwise; see `HandlerOptions`. What fails for
    good goes to the handler of `error_channel`, a channel too.

    That a message with a deduplication key was handled is noted in its handler's transaction: with
    the settlement (`inbox="last"`), or before the handler begins (`"first"`: of two copies that are
    handled at the same time the second waits for the first, and is skipped). On SQLite a handler
    holds the one writer from then on.

    `group_commit` is for handlers that do not say otherwise: up to so many transactions of an
    endpoint share one of PostgreSQL's (1 to 50; 1 is a transaction for each message). See
    `HandlerOptions`.

    `throttle` is asked before messages are taken: a function of the tenant's name ("" on this kind
    of channel), plain or async. True lets a claim through, of as many messages as can begin at
    once; False or a number of seconds means not now: it is asked again after a second, or that
    long. Nothing is claimed meanwhile, so that no attempt is counted.
    """

    name: str
    _: KW_ONLY
    retry: Retry = attribute(default_factory=Retry)
    backoff: Backoff = attribute(default_factory=Backoff)
    concurrency: Concurrency = 10
    max_in_flight: int = 100
    outage: tuple[type[BaseException], ...] = OUTAGES
    delay: Delay | None = None
    priority: int | None = None
    time_to_live: Seconds | None = None
    timeout: Seconds | None = None
    deduplicate: Deduplicate | None = None
    ordering_key: OrderingRule | Ordering | None = None
    error_channel: str | None = None
    throttle: Throttle | None = None
    final_failure: FinalFailure = "resend"
    inbox: Inbox = "last"
    group_commit: int = 1

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES
    dynamic: ClassVar[bool] = False
    of_a_broker: ClassVar[bool] = False
    """Whether a message broker has its messages, beside the store."""

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        yield from name_faults(self.name)
        if isinstance(self.concurrency, ByLoad):
            yield from self.concurrency.problems()
        else:
            yield from _at_least_one(self, "concurrency")
        yield from _at_least_one(self, "max_in_flight")
        most = most_at_once(self.concurrency)
        if is_whole(self.max_in_flight) and is_whole(most) and self.max_in_flight < most:
            yield (
                f"max_in_flight={self.max_in_flight} is less than concurrency={most}:"
                " some of the workers would never have a message; raise it or lower concurrency"
            )
        yield from _shared_problems(self)


@dataclass(frozen=True, slots=True)
class DynamicChannel:
    """A channel whose messages belong to tenants: a router actor makes a channel for each.

    `tenant` says whose a message is: `header("carrier")`, `field("carrier")` or a function of
    (message, headers) that returns a name, or None for nobody's. It is asked when the message is
    sent; its errors are the sender's.

    `tenants` are those that are known: names, or a mapping from what the rule finds to the names
    of tenants, or a function that returns one of the two. The function may be async, may take
    a read-only Transaction, is asked when the bus starts and then every `refresh` seconds.
    `unknown` says what becomes of messages of others, and of nobody's:

    - "create": every name gets a channel (the default; nobody's are refused, InvalidTenant)
    - "error": the sender gets `UnknownTenant`; one that is stored already becomes a dead letter
    - "park": the message is stored and held back, until its tenant is known
    - "dead_letter": the message is stored, and goes to the dead letters with that reason
    - the name of a channel on the store: the message goes there instead
    - a known tenant's name: the message is that tenant's

    At most `max_tenants` have messages on the channel; the sender of a further one's gets
    `TooManyTenants`. The tenants share `workers` handlers running at once; none has more than
    `concurrency`. A tenant's channel that had nothing to do for `idle_timeout` seconds is ended,
    and made again on demand. At most `max_active` live at once; further ones wait for an idle
    one to end. `tenant_options` gives a tenant options of its own: a function of its name that
    returns a dictionary (concurrency, max_in_flight, retry, backoff, outage) or None. `throttle`
    is asked before messages are taken; `inbox`, `group_commit` and
    the delivery options are as in `StoreChannel`.
    """

    name: str
    _: KW_ONLY
    tenant: TenantRule
    unknown: str = "create"
    tenants: Tenants | TenantsFunction | None = None
    refresh: Seconds = 10.0
    max_tenants: int = 100_000
    max_active: int = 10_000
    idle_timeout: Seconds = 60.0
    workers: int = 20
    concurrency: int = 4
    max_in_flight: int = 100
    retry: Retry = attribute(default_factory=Retry)
    backoff: Backoff = attribute(default_factory=Backoff)
    outage: tuple[type[BaseException], ...] = OUTAGES
    delay: Delay | None = None
    priority: int | None = None
    time_to_live: Seconds | None = None
    timeout: Seconds | None = None
    deduplicate: Deduplicate | None = None
    ordering_key: OrderingRule | Ordering | None = None
    error_channel: str | None = None
    tenant_options: Callable[[str], "ChannelOptions | None"] | None = None
    throttle: Throttle | None = None
    final_failure: FinalFailure = "resend"
    inbox: Inbox = "last"
    group_commit: int = 1

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES
    dynamic: ClassVar[bool] = True
    of_a_broker: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Keep a set, or a copy, of the tenants; one text is left for `problems` to refuse."""
        if isinstance(self.tenants, Mapping):
            object.__setattr__(self, "tenants", dict(self.tenants))
        elif self.tenants is not None and not (
            isinstance(self.tenants, str) or callable(self.tenants)
        ):
            if not isinstance(self.tenants, Iterable):
                raise TypeError(
                    f"tenants={self.tenants!r} is not allowed: give names, a mapping or a function"
                )
            object.__setattr__(self, "tenants", frozenset(self.tenants))

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        yield from name_faults(self.name)
        yield from _at_least_one(
            self, "workers", "concurrency", "max_in_flight", "max_tenants", "max_active"
        )
        if not callable(self.tenant):
            yield f"tenant={self.tenant!r} is not a rule; use header(...), field(...) or a function"
        for name in ("idle_timeout", "refresh"):
            if (as_seconds(getattr(self, name)) or 0) <= 0:
                value = getattr(self, name)
                yield f"{name}={value!r} is not allowed: give seconds, more than 0"
        if self.tenant_options is not None and not callable(self.tenant_options):
            yield f"tenant_options={self.tenant_options!r} is not a function of a tenant's name"
        yield from _shared_problems(self)


Channel = StoreChannel | DynamicChannel


class ChannelOptions(TypedDict, total=False):
    """What a channel on the store may be told; see `StoreChannel`."""

    retry: Retry
    backoff: Backoff
    concurrency: Concurrency
    max_in_flight: int
    outage: tuple[type[BaseException], ...]
    delay: Delay
    priority: int
    time_to_live: Seconds
    timeout: Seconds
    deduplicate: Deduplicate
    ordering_key: OrderingRule | Ordering
    error_channel: str
    throttle: Throttle
    final_failure: FinalFailure
    inbox: Inbox
    group_commit: int


CHANNEL_OPTION_NAMES = frozenset(ChannelOptions.__annotations__)


def name_faults(name: object) -> Iterator[str]:
    """Say what is wrong with the name of a channel."""
    if (
        not isinstance(name, str)
        or not name
        or "/" in name
        or name != name.strip()
        or not name.isprintable()
    ):
        yield f"the channel name {name!r} is not a printable text without '/' and outer spaces"


def _at_least_one(options: Channel, *names: str) -> Iterator[str]:
    for name in names:
        value = getattr(options, name)
        if not is_count(value):
            yield f"{name}={value!r} is not {COUNT}"


def _shared_problems(options: Channel) -> Iterator[str]:
    if not isinstance(options.retry, Retry):
        yield f"retry={options.retry!r} is not allowed: give Retry(attempts=...)"
    if not isinstance(options.backoff, Backoff):
        yield f"backoff={options.backoff!r} is not allowed: give Backoff(initial=...)"
    if not _are_exceptions(options.outage):
        yield f"outage={options.outage!r} is not a tuple of exception types"
    if options.throttle is not None and not callable(options.throttle):
        yield f"throttle={options.throttle!r} is not a function of a tenant's name"
    checked = Checked({name: getattr(options, name) for name in _DELIVERY})
    checked.delay("delay")
    checked.whole("priority")
    checked.seconds("time_to_live")
    checked.seconds("timeout")
    checked.deduplicate("deduplicate")
    checked.ordering("ordering_key")
    yield from checked.problems
    yield from order_faults(options)
    if options.final_failure not in FINAL_FAILURES:
        allowed = " or ".join(map(repr, FINAL_FAILURES))
        yield f"final_failure={options.final_failure!r} is not allowed: give {allowed}"
    yield from group_faults(options.group_commit)
    if options.inbox not in INBOXES:
        allowed = " or ".join(map(repr, INBOXES))
        yield f"inbox={options.inbox!r} is not allowed: give {allowed}"


_DELIVERY = ("delay", "priority", "time_to_live", "timeout", "deduplicate", "ordering_key")


def _are_exceptions(kinds: object) -> bool:
    return isinstance(kinds, tuple) and all(
        isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds
    )
