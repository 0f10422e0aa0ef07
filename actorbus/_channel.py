"""Channels as they are declared: frozen options, and the rules that name a message's tenant.

What runs behind them is in `channels/` (one supervised actor each) and in `endpoints/`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from dataclasses import field as attribute
from typing import Any, ClassVar, TypedDict

from actorbus._errors import MessageRefused
from actorbus._flow_options import ByLoad, Concurrency, most_at_once
from actorbus._options import Checked, Delay, Seconds, as_seconds, is_text
from actorbus._ordering import Ordering, OrderingRule, order_faults
from supervisors import Backoff, Retry

TenantRule = Callable[[Any, Mapping[str, str]], object]

OUTAGES: tuple[type[BaseException], ...] = (ConnectionError, TimeoutError)
CAPABILITIES = frozenset({"delay", "priority", "time_to_live", "ordering_key"})
"""What a kind of channel may honour or not; those on the store honour all of it."""

_POLICIES = ("create", "refuse", "dead_letter")
_LONGEST_TENANT = 200


class UnknownTenant(MessageRefused):
    """The sender's: the channel knows its tenants, and the message's is none of them."""


class InvalidTenant(MessageRefused):
    """The sender's: the channel's rule found no tenant in the message, or not a name."""


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
    deduplicate: Callable[..., object] | None = None
    ordering_key: OrderingRule | Ordering | None = None
    error_channel: str | None = None

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES
    dynamic: ClassVar[bool] = False

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        yield from _name_problems(self.name)
        if isinstance(self.concurrency, ByLoad):
            yield from self.concurrency.problems()
        else:
            yield from _at_least_one(self, "concurrency")
        yield from _at_least_one(self, "max_in_flight")
        most = most_at_once(self.concurrency)
        if self.max_in_flight < most:
            yield (
                f"max_in_flight={self.max_in_flight} is less than concurrency={most}:"
                " some of the workers would never have a message; raise it or lower concurrency"
            )
        yield from _shared_problems(self)

    def tenant_of(self, message: Any, headers: Mapping[str, str]) -> str:
        """Return "": this kind of channel has no tenants."""
        return ""


@dataclass(frozen=True, slots=True)
class DynamicChannel:
    """A channel whose messages belong to tenants: a router actor makes a channel for each.

    `tenant` says whose a message is: `header("carrier")`, `field("carrier")` or a function of
    (message, headers) that returns a name. It is asked when the message is sent; its errors are
    the sender's. With `tenants` only those are known, and `unknown` says what becomes of others:

    - "create": every name gets a channel (the default; contradicts `tenants`)
    - "refuse": the sender gets `UnknownTenant`; one that is stored already becomes a dead letter
    - "dead_letter": the message is stored, and goes to the dead letters with that reason
    - a known tenant's name: the message is that tenant's

    The tenants share `workers` handlers running at once; none has more than `concurrency`. A
    tenant's channel that had nothing to do for `idle_timeout` seconds is ended, and made again
    on demand. At most `max_tenants` live at once; further ones wait for an idle one to end. The
    delivery options are those of `StoreChannel`.
    """

    name: str
    _: KW_ONLY
    tenant: TenantRule
    unknown: str = "create"
    tenants: Collection[str] | None = None
    idle_timeout: Seconds = 60.0
    max_tenants: int = 10_000
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
    deduplicate: Callable[..., object] | None = None
    ordering_key: OrderingRule | Ordering | None = None
    error_channel: str | None = None

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES
    dynamic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Keep a set of the tenants; one text is left for `problems` to refuse."""
        if self.tenants is not None and not isinstance(self.tenants, str):
            object.__setattr__(self, "tenants", frozenset(self.tenants))

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        yield from _name_problems(self.name)
        yield from _at_least_one(self, "workers", "concurrency", "max_in_flight", "max_tenants")
        if not callable(self.tenant):
            yield f"tenant={self.tenant!r} is not a rule; use header(...), field(...) or a function"
        if (as_seconds(self.idle_timeout) or 0) <= 0:
            yield f"idle_timeout={self.idle_timeout!r} is not allowed: give seconds, more than 0"
        if isinstance(self.tenants, str):
            yield f"tenants={self.tenants!r} is one text: give a set of names"
        else:
            yield from self._unknown_problems()
        yield from _shared_problems(self)

    def _unknown_problems(self) -> Iterator[str]:
        if self.tenants is None and self.unknown != "create":
            yield f"unknown={self.unknown!r} needs tenants={{...}}: without it every name is known"
        if self.tenants is not None and self.unknown == "create":
            yield "tenants={...} is given and unknown='create' would let every name in; drop one"
        if self.tenants is not None and self.unknown not in (*_POLICIES, *self.tenants):
            allowed = ", ".join((*_POLICIES[1:], *sorted(self.tenants)))
            yield f"unknown={self.unknown!r} is no policy and no known tenant (allowed: {allowed})"

    def tenant_of(self, message: Any, headers: Mapping[str, str]) -> str:
        """Return the tenant that a message is stored for.

        Raises UnknownTenant or InvalidTenant, for the sender, and whatever the rule raises.
        """
        name = self.tenant(message, headers)
        if not is_text(name) or not name or len(name) > _LONGEST_TENANT:
            raise InvalidTenant(
                f"channel {self.name!r}: {self.tenant} found the tenant {name!r};"
                f" a tenant is a text of 1 to {_LONGEST_TENANT} characters"
            )
        if self.knows(name) or self.unknown == "dead_letter":
            return name
        if self.unknown == "refuse":
            raise UnknownTenant(f"channel {self.name!r} knows no tenant {name!r}")
        return self.unknown

    def knows(self, tenant: str) -> bool:
        """Whether this tenant may have a channel."""
        return self.tenants is None or tenant in self.tenants


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
    deduplicate: Callable[..., object]
    ordering_key: OrderingRule | Ordering
    error_channel: str


CHANNEL_OPTION_NAMES = frozenset(ChannelOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class header:  # noqa: N801  reads as a function where a channel is declared
    """The tenant is the value of this user header."""

    name: str

    def __call__(self, message: Any, headers: Mapping[str, str]) -> object:
        """Return the header's value; InvalidTenant when the message has none."""
        try:
            return headers[self.name]
        except KeyError:
            raise InvalidTenant(f"the message has no header {self.name!r}") from None


@dataclass(frozen=True, slots=True)
class field:  # noqa: N801  reads as a function where a channel is declared
    """The tenant is the value of this field of the message, an attribute or a key."""

    name: str

    def __call__(self, message: Any, headers: Mapping[str, str]) -> object:
        """Return the field's value; InvalidTenant when the message has none."""
        try:
            if isinstance(message, Mapping):
                return message[self.name]
            return getattr(message, self.name)
        except (KeyError, AttributeError):
            kind = type(message).__name__
            raise InvalidTenant(f"{kind} has no field {self.name!r}") from None


def _name_problems(name: str) -> Iterator[str]:
    if not name or "/" in name or name != name.strip() or not name.isprintable():
        yield f"the channel name {name!r} is not a printable text without '/' and outer spaces"


def _at_least_one(options: Channel, *names: str) -> Iterator[str]:
    for name in names:
        value = getattr(options, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            yield f"{name}={value!r} is not a whole number of at least 1"


def _shared_problems(options: Channel) -> Iterator[str]:
    if not isinstance(options.retry, Retry):
        yield f"retry={options.retry!r} is not allowed: give Retry(attempts=...)"
    if not isinstance(options.backoff, Backoff):
        yield f"backoff={options.backoff!r} is not allowed: give Backoff(initial=...)"
    if not _are_exceptions(options.outage):
        yield f"outage={options.outage!r} is not a tuple of exception types"
    checked = Checked({name: getattr(options, name) for name in _DELIVERY})
    checked.delay("delay")
    checked.whole("priority")
    checked.seconds("time_to_live")
    checked.seconds("timeout")
    checked.function("deduplicate")
    checked.ordering("ordering_key")
    yield from checked.problems
    yield from order_faults(options)


_DELIVERY = ("delay", "priority", "time_to_live", "timeout", "deduplicate", "ordering_key")


def _are_exceptions(kinds: object) -> bool:
    return isinstance(kinds, tuple) and all(
        isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds
    )
