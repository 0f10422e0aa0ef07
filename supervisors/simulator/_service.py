"""How long a try of a message takes. Times are seconds, numbers or timedeltas."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from random import Random

from supervisors._checks import Checks, Seconds

from ._values import as_seconds, keep

Take = Callable[[int, int], float]
"""Returns the seconds that a try takes: (message number, try number from 1)."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Each try takes ``seconds``."""

    seconds: Seconds

    def __post_init__(self) -> None:
        """Refuse what is no time. Raises ConfigurationError."""
        checks = Checks("Fixed")
        keep(self, seconds=checks.seconds("seconds", self.seconds))
        checks.finish()

    def sampler(self, _draws: Random) -> Take:
        """Return what says how long each try takes."""
        seconds = as_seconds(self.seconds)
        return lambda _number, _attempt: seconds


@dataclass(frozen=True, slots=True)
class Exponential:
    """Tries take ``mean`` seconds on average: most of them less, some several times that."""

    mean: Seconds

    def __post_init__(self) -> None:
        """Refuse what is no time. Raises ConfigurationError."""
        checks = Checks("Exponential")
        keep(self, mean=checks.seconds("mean", self.mean, above=0.0))
        checks.finish()

    def sampler(self, draws: Random) -> Take:
        """Return what says how long each try takes."""
        rate, draw = 1.0 / as_seconds(self.mean), draws.expovariate
        return lambda _number, _attempt: draw(rate)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Half of the tries take less than ``median`` seconds, one in a hundred more than ``p99``.

    Times of calls to services are often of this kind: never near 0, with a long tail.
    """

    median: Seconds
    p99: Seconds

    def __post_init__(self) -> None:
        """Refuse what is no time, and a tail before the middle. Raises ConfigurationError."""
        checks = Checks("LogNormal")
        median = checks.seconds("median", self.median, above=0.0)
        p99 = checks.seconds("p99", self.p99, above=0.0)
        if checks.clean and p99 < median:
            checks.refuse(f"p99={p99:g} is less than median={median:g}; swap them")
        keep(self, median=median, p99=p99)
        checks.finish()

    def sampler(self, draws: Random) -> Take:
        """Return what says how long each try takes."""
        mu = log(as_seconds(self.median))
        sigma = (log(as_seconds(self.p99)) - mu) / _Z99
        draw = draws.lognormvariate
        return lambda _number, _attempt: draw(mu, sigma)


_Z99 = 2.3263478740408408  # the normal distribution's 99th percentile


@dataclass(frozen=True, slots=True)
class RecordedService:
    """Tries take what they took: ``seconds`` by message number and try number (from 1).

    A try that was not recorded takes as long as one of the same message, or else as any recorded
    one, drawn at random.
    """

    seconds: Mapping[tuple[int, int], float] = field(hash=False)

    def __post_init__(self) -> None:
        """Refuse what is no time, and a recording of nothing. Raises ConfigurationError."""
        checks = Checks("RecordedService")
        if not self.seconds:
            checks.refuse("seconds={} is not allowed: give at least one try; Fixed(0) takes none")
        kept = {key: checks.seconds(f"seconds[{key}]", one) for key, one in self.seconds.items()}
        keep(self, seconds=kept)
        checks.finish()

    def sampler(self, draws: Random) -> Take:
        """Return what says how long each try takes."""
        recorded = self.seconds
        known: Sequence[float] = sorted(recorded.values())

        def take(number: int, attempt: int) -> float:
            found = recorded.get((number, attempt))
            if found is None:
                found = recorded.get((number, 1))
            return draws.choice(known) if found is None else found

        return take


Service = Fixed | Exponential | LogNormal | RecordedService
"""How long a try of a message takes."""
