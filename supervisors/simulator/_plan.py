"""What goes wrong, and when: the input of a simulation."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from supervisors._checks import Checks

MOST_CRASHES: Final = 1_000_000
"""Of one child, on average."""


class SimulatedFailureError(Exception):
    """What fails in a simulation, unless the plan names an exception of its own."""


class SimulatedOutageError(SimulatedFailureError, ConnectionError):
    """What a call fails with in a simulation while its dependency is away."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The child fails once at ``at`` seconds, if it runs by then. Equal by child and time."""

    child: str
    at: float
    exception: BaseException = field(default_factory=SimulatedFailureError, compare=False)


@dataclass(frozen=True, slots=True)
class Outage:
    """What the child depends on is away from ``start`` to ``end`` seconds.

    The child fails when it begins, if it runs by then, and each of its starts fails until it ends.
    """

    child: str
    start: float
    end: float
    exception: BaseException = field(default_factory=SimulatedFailureError, compare=False)


Trouble = Crash | Outage


def drawn_crashes(
    children: Iterable[str], mean_interval: float, *, until: float, seed: int = 0
) -> list[Crash]:
    """Return crashes at random times, ``mean_interval`` seconds apart on average for each child.

    The intervals are exponential: crashes come independently of each other. The same seed
    gives the same crashes. Raises ConfigurationError for what is no time, and for more crashes
    than a run can have.
    """
    checks = Checks("drawn_crashes")
    mean_interval = checks.seconds("mean_interval", mean_interval, above=0.0)
    until = checks.seconds("until", until)
    if checks.clean and until > mean_interval * MOST_CRASHES:
        text = f"mean_interval={mean_interval!r} is too short for until={until!r}"
        checks.refuse(f"{text}: at most {MOST_CRASHES} crashes of a child are drawn")
    checks.finish()
    crashes = []
    for child in children:
        draws = random.Random(f"{seed}/{child}")
        at = draws.expovariate(1.0 / mean_interval)
        while at < until:
            crashes.append(Crash(child, at))
            at += draws.expovariate(1.0 / mean_interval)
    return sorted(crashes, key=lambda crash: crash.at)
