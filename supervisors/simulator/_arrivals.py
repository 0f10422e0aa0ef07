"""When messages come: at random, in bursts, at a steady pace, or as they were recorded.

Times are seconds of virtual time from 0, numbers or timedeltas; rates are messages a second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from random import Random

from supervisors._checks import Checks, Seconds

from ._values import as_seconds, keep


@dataclass(frozen=True, slots=True)
class Poisson:
    """Messages that come independently of each other, ``rate`` a second on average.

    It is the usual model of many senders who know nothing of each other (Erlang, 1909).
    """

    rate: float

    def __post_init__(self) -> None:
        """Refuse what is no rate. Raises ConfigurationError."""
        checks = Checks("Poisson")
        keep(self, rate=checks.number("rate", self.rate, above=0.0))
        checks.finish()

    def times(self, draws: Random) -> Iterator[float]:
        """Yield the times, without an end."""
        at, rate, gap = 0.0, self.rate, draws.expovariate
        while True:
            at += gap(rate)
            yield at


@dataclass(frozen=True, slots=True)
class Every:
    """A message every ``interval`` seconds, the first one after ``first`` seconds."""

    interval: Seconds
    first: Seconds = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no time. Raises ConfigurationError."""
        checks = Checks("Every")
        interval = checks.seconds("interval", self.interval, above=0.0)
        keep(self, interval=interval, first=checks.seconds("first", self.first))
        checks.finish()

    def times(self, _draws: Random) -> Iterator[float]:
        """Yield the times, without an end."""
        at, number = as_seconds(self.first), 0
        while True:
            yield at + number * as_seconds(self.interval)
            number += 1


@dataclass(frozen=True, slots=True)
class Bursts:
    """``size`` messages on average at once, then silence of ``every`` seconds on average.

    Bursts come independently of each other. Their sizes are geometric, at least one message. The
    messages of a burst are ``gap`` seconds apart.
    """

    every: Seconds
    size: float
    gap: Seconds = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no time or no size. Raises ConfigurationError."""
        checks = Checks("Bursts")
        every = checks.seconds("every", self.every, above=0.0)
        size = checks.number("size", self.size, at_least=1.0)
        keep(self, every=every, size=size, gap=checks.seconds("gap", self.gap))
        checks.finish()

    def times(self, draws: Random) -> Iterator[float]:
        """Yield the times, without an end."""
        at, gap = 0.0, as_seconds(self.gap)
        while True:
            at += draws.expovariate(1.0 / as_seconds(self.every))
            yield at
            while draws.random() * self.size >= 1.0:
                at += gap
                yield at


@dataclass(frozen=True, slots=True)
class RecordedArrivals:
    """Messages that come when they came: ``at`` are the times, in order.

    Times before 0 are those of messages that wait already when the simulation begins.
    """

    at: Sequence[float]

    def __post_init__(self) -> None:
        """Refuse times that go back. Raises ConfigurationError."""
        checks = Checks("RecordedArrivals")
        times = tuple(
            checks.number(f"at[{index}]", one, at_least=-inf) for index, one in enumerate(self.at)
        )
        if checks.clean and list(times) != sorted(times):
            place = next(i for i in range(1, len(times)) if times[i] < times[i - 1])
            checks.refuse(f"at[{place}]={times[place]!r} is before at[{place - 1}]: sort the times")
        keep(self, at=times)
        checks.finish()

    def times(self, _draws: Random) -> Iterator[float]:
        """Yield the times."""
        return iter(self.at)


Arrivals = Poisson | Every | Bursts | RecordedArrivals
"""When messages come."""


def expected(arrivals: Arrivals, until: float) -> float:
    """Return about how many messages come within so many seconds."""
    match arrivals:
        case Poisson(rate=rate):
            return rate * until
        case Every(interval=interval):
            return _in(until, as_seconds(interval))
        case Bursts(every=every, size=size):
            return _in(until, as_seconds(every)) * size
        case RecordedArrivals(at=times):
            return float(len(times))


def _in(until: float, interval: float) -> float:
    return inf if interval * _MOST_FLOAT < until else until / interval


_MOST_FLOAT = 1e308
