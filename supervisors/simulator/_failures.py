"""What goes wrong with tries of messages: by chance, in bursts, with some messages, or for a time.

Times are seconds of virtual time, numbers or timedeltas. A failure is ``"failed"`` (the message's,
one of its attempts), ``"permanent"`` (the message's, for good) or ``"outage"`` (its endpoint's:
what the handler depends on is away). For an actor each is an exception that its supervisor judges.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from supervisors._checks import Checks, Seconds
from supervisors._verdict import Verdict

from ._values import as_seconds, keep

FailureKind = Literal["failed", "permanent", "outage"]
"""Whose a failure is, in the words of `Verdict`."""

FAILURE_KINDS: Final = ("failed", "permanent", "outage")


@dataclass(frozen=True, slots=True)
class Independent:
    """Each try fails with the same chance, ``rate`` from 0 to 1, whatever happened before."""

    rate: float
    kind: FailureKind = "failed"

    def __post_init__(self) -> None:
        """Refuse what is no chance. Raises ConfigurationError."""
        checks = Checks("Independent")
        keep(self, rate=checks.number("rate", self.rate, at_most=1.0))
        checks.choice("kind", self.kind, FAILURE_KINDS)
        checks.finish()

    @property
    def verdict(self) -> Verdict:
        """Whose its failures are."""
        return Verdict(self.kind)


@dataclass(frozen=True, slots=True)
class FailureBursts:
    """Now and then tries fail with the chance ``rate``, for a while.

    Bursts begin ``every`` seconds after the end of the last, and take ``lasting`` seconds, on
    average; both are exponential.
    """

    every: Seconds
    lasting: Seconds
    rate: float = 1.0
    kind: FailureKind = "failed"

    def __post_init__(self) -> None:
        """Refuse what is no time or no chance. Raises ConfigurationError."""
        checks = Checks("FailureBursts")
        every = checks.seconds("every", self.every, above=0.0)
        lasting = checks.seconds("lasting", self.lasting, above=0.0)
        rate = checks.number("rate", self.rate, at_most=1.0)
        checks.choice("kind", self.kind, FAILURE_KINDS)
        keep(self, every=every, lasting=lasting, rate=rate)
        checks.finish()

    @property
    def verdict(self) -> Verdict:
        """Whose its failures are."""
        return Verdict(self.kind)

    def spans(self, draws: Random) -> Iterator[tuple[float, float]]:
        """Yield the beginnings and ends of the bursts, without an end."""
        return _alternating(draws, as_seconds(self.every), as_seconds(self.lasting))


@dataclass(frozen=True, slots=True)
class Poison:
    """Some messages fail each time: a ``share`` of them, or those with these ``numbers``.

    Messages are numbered from 0 in the order in which they come. ``attempts`` is how many tries of
    each fail; None for all of them.
    """

    share: float = 0.0
    numbers: Collection[int] = ()
    attempts: int | None = None
    kind: FailureKind = "failed"

    def __post_init__(self) -> None:
        """Refuse what names no message. Raises ConfigurationError."""
        checks = Checks("Poison")
        keep(self, share=checks.number("share", self.share, at_most=1.0))
        numbers = frozenset(
            checks.whole(f"numbers[{index}]", one, at_least=0)
            for index, one in enumerate(self.numbers)
        )
        if self.attempts is not None:
            checks.whole("attempts", self.attempts, at_least=1, way_out="None fails each of them")
        checks.choice("kind", self.kind, FAILURE_KINDS)
        if checks.clean and not self.share and not numbers:
            checks.refuse("share=0 and numbers=() name no message; give one of the two")
        keep(self, numbers=numbers)
        checks.finish()

    @property
    def verdict(self) -> Verdict:
        """Whose its failures are."""
        return Verdict(self.kind)


@dataclass(frozen=True, slots=True)
class DependencyOutage:
    """What the handler calls is away from ``start`` on, for ``lasting`` seconds.

    A call that begins meanwhile fails ``fails_after`` seconds later (a timeout; 0 for a refused
    connection); one that is under way when it begins fails then. Give several endpoints the same
    outage if they call the same service.
    """

    start: Seconds
    lasting: Seconds
    fails_after: Seconds = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no time. Raises ConfigurationError."""
        checks = Checks("DependencyOutage")
        start = checks.seconds("start", self.start)
        lasting = checks.seconds("lasting", self.lasting, above=0.0)
        after = checks.seconds("fails_after", self.fails_after)
        keep(self, start=start, lasting=lasting, fails_after=after)
        checks.finish()

    def spans(self, _draws: Random) -> Iterator[tuple[float, float]]:
        """Yield its beginning and its end."""
        yield as_seconds(self.start), as_seconds(self.start) + as_seconds(self.lasting)


@dataclass(frozen=True, slots=True)
class DependencyOutages:
    """Outages of a dependency at random: every so many seconds, lasting so long, on average.

    ``dependency`` is its name: endpoints that have outages of one name see the same ones.
    ``fails_after`` is as in `DependencyOutage`.
    """

    dependency: str
    every: Seconds
    lasting: Seconds
    fails_after: Seconds = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no time. Raises ConfigurationError."""
        checks = Checks(f"DependencyOutages {self.dependency!r}")
        if not self.dependency:
            checks.refuse(f"dependency={self.dependency!r} is not allowed: give a name")
        every = checks.seconds("every", self.every, above=0.0)
        lasting = checks.seconds("lasting", self.lasting, above=0.0)
        after = checks.seconds("fails_after", self.fails_after)
        keep(self, every=every, lasting=lasting, fails_after=after)
        checks.finish()

    def spans(self, draws: Random) -> Iterator[tuple[float, float]]:
        """Yield the beginnings and ends of the outages, without an end."""
        return _alternating(draws, as_seconds(self.every), as_seconds(self.lasting))


FailureModel = Independent | FailureBursts | Poison | DependencyOutage | DependencyOutages
"""What goes wrong with tries of messages."""


def _alternating(draws: Random, every: float, lasting: float) -> Iterator[tuple[float, float]]:
    at = 0.0
    while True:
        begin = at + draws.expovariate(1.0 / every)
        at = begin + draws.expovariate(1.0 / lasting)
        yield begin, at
