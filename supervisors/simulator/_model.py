"""What is simulated: endpoints of a bus, actors with a mailbox, and trees of them.

All are plain values; what they leave open is their supervisor's strategy's.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, Literal, get_args

from supervisors._backoff import Backoff
from supervisors._checks import Checks
from supervisors._directive import RestartKind
from supervisors._disposition import Disposition
from supervisors._intensity import Intensity
from supervisors._retry import Retry
from supervisors._spec import ChildSpec
from supervisors._strategy import Strategy

from ._arrivals import Arrivals
from ._failures import FailureModel
from ._service import Fixed, Service
from ._values import keep

Overflow = Literal["fail", "drop_newest", "drop_oldest"]
"""What a full mailbox does: refuse the message to its sender, drop it, or drop the oldest one."""

NO_TIME: Final = Fixed(0.0)

OVERFLOWS: Final = ("fail", "drop_newest", "drop_oldest")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One handler of a bus with its channel: ``concurrency`` messages at once, from a queue.

    ``arrivals`` come, each try takes as long as ``service`` says, and ``failures`` befall it. What
    follows is decided as in a running bus: a failed message is tried again under ``retry``, one
    that sees an outage is released, its endpoint falls sick, and is restarted by its supervisor
    under ``backoff`` (None: the strategy's) and ``intensity`` (None: the strategy's), and then
    probes with one message. ``breaker`` is how many other failures in a row make it sick, None for
    never. At most ``max_in_flight`` messages are taken from the queue at a time, as by a channel.

    ``mailbox`` bounds how many messages wait, those for their next try included; None for no bound,
    as on a channel. ``overflow`` says what a full one does. Raises ConfigurationError.
    """

    name: str
    arrivals: Arrivals
    service: Service = NO_TIME
    failures: Sequence[FailureModel] = ()
    _: KW_ONLY
    retry: Retry = field(default_factory=Retry)
    backoff: Backoff | None = None
    intensity: Intensity | None = None
    concurrency: int = 10
    max_in_flight: int = 100
    breaker: int | None = None
    mailbox: int | None = None
    overflow: Overflow = "drop_newest"

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated, all at once."""
        checks = Checks(f"Endpoint {self.name!r}")
        _check_load(checks, self)
        _check_kind(checks, "retry", self.retry, Retry, "a Retry(attempts=5)")
        checks.whole("concurrency", self.concurrency, at_least=1)
        checks.whole("max_in_flight", self.max_in_flight, at_least=1)
        if self.breaker is not None:
            checks.whole("breaker", self.breaker, at_least=1, way_out="None is for no breaker")
        if self.mailbox is not None:
            checks.whole("mailbox", self.mailbox, at_least=1, way_out="None is for no bound")
        if checks.clean and self.max_in_flight < self.concurrency:
            checks.refuse(
                f"max_in_flight={self.max_in_flight} is less than concurrency={self.concurrency}:"
                " some workers would never have a message; raise it or lower concurrency"
            )
        keep(self, failures=tuple(self.failures))
        checks.finish()

    @property
    def spec(self) -> ChildSpec:
        """What its supervisor knows of it: it is restarted whenever it ends."""
        return _spec(self.name, "permanent", self.intensity, self.backoff)


@dataclass(frozen=True, slots=True)
class Worker:
    """An actor with a bounded mailbox, which handles one message at a time.

    Each failure is the actor's: its supervisor's strategy decides, and meanwhile messages wait.
    ``disposition`` says what becomes of the message in hand; ``restart``, ``intensity`` and
    ``backoff`` are as in `ChildSpec`. With ``starts_need_dependency`` its starts fail too while a
    dependency is away. Raises ConfigurationError.
    """

    name: str
    arrivals: Arrivals
    service: Service = NO_TIME
    failures: Sequence[FailureModel] = ()
    _: KW_ONLY
    mailbox: int = 10_000
    overflow: Overflow = "fail"
    disposition: Disposition = "dead_letter"
    restart: RestartKind = "transient"
    intensity: Intensity | None = None
    backoff: Backoff | None = None
    starts_need_dependency: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated, all at once."""
        checks = Checks(f"Worker {self.name!r}")
        _check_load(checks, self)
        checks.whole("mailbox", self.mailbox, at_least=1)
        checks.flag("starts_need_dependency", self.starts_need_dependency)
        keep(self, failures=tuple(self.failures))
        checks.finish()
        _ = self.spec  # its checks are those of the options that are left

    @property
    def spec(self) -> ChildSpec:
        """What its supervisor knows of it."""
        return _spec(
            self.name, self.restart, self.intensity, self.backoff, disposition=self.disposition
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """A supervisor among the children of another, with children of its own.

    When its strategy escalates, or is out of restarts, the tree fails, and the supervisor above
    decides; a restart makes all its children anew. Raises ConfigurationError.
    """

    name: str
    strategy: Strategy
    children: "Sequence[Child]"
    _: KW_ONLY
    restart: RestartKind = "transient"
    intensity: Intensity | None = None
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        """Refuse a tree without children, and what is no strategy."""
        checks = Checks(f"Tree {self.name!r}")
        _check_name(checks, self.name)
        if not isinstance(self.strategy, Strategy):
            checks.refuse(f"strategy={self.strategy!r} is not allowed: give one, as OneForOne()")
        keep(self, children=tuple(self.children))
        if not self.children:
            checks.refuse("children=() is not allowed: give at least one")
        checks.finish()
        _ = self.spec  # its checks are those of the options that are left

    @property
    def spec(self) -> ChildSpec:
        """What its supervisor knows of it."""
        return _spec(self.name, self.restart, self.intensity, self.backoff)


Child = str | ChildSpec | Endpoint | Worker | Tree
"""What may be supervised in a simulation; a name or a spec is a child without messages."""


def spec_of(child: Child) -> ChildSpec:
    """Return what the supervisor of a child knows of it."""
    if isinstance(child, str):
        return ChildSpec(_nothing, name=child)
    return child if isinstance(child, ChildSpec) else child.spec


def _nothing() -> None:
    """Stand for what a simulation does not make."""


def _spec(
    name: str,
    restart: RestartKind,
    intensity: Intensity | None,
    backoff: Backoff | None,
    **options: Any,
) -> ChildSpec:
    return ChildSpec(
        _nothing, name=name, restart=restart, intensity=intensity, backoff=backoff, **options
    )


def _check_load(checks: Checks, child: "Endpoint | Worker") -> None:
    _check_name(checks, child.name)
    _check_kind(checks, "arrivals", child.arrivals, Arrivals, "arrivals, as Poisson(50.0)")
    _check_kind(checks, "service", child.service, Service, "a service time, as Fixed(0.02)")
    for index, model in enumerate(child.failures):
        key = f"failures[{index}]"
        _check_kind(checks, key, model, FailureModel, "a failure model, as Independent(0.01)")
    checks.instance("backoff", child.backoff, Backoff, allowed="a Backoff(initial=0.1)")
    checks.instance("intensity", child.intensity, Intensity, allowed="an Intensity(3)")
    checks.choice("overflow", child.overflow, OVERFLOWS)


def _check_name(checks: Checks, name: object) -> None:
    if not isinstance(name, str) or not name or "/" in name:
        checks.refuse(f"name={name!r} is not allowed: give text without '/'")


def _check_kind(checks: Checks, key: str, value: object, kind: Any, allowed: str) -> None:
    members: tuple[type, ...] = get_args(kind) or (kind,)
    if not isinstance(value, members):
        checks.refuse(f"{key}={value!r} is not allowed: give {allowed}")
