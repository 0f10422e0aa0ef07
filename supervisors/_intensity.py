"""Actor health: how many restarts within how long.

Rules: (1) no clock here, the caller passes ``now``;
       (2) a restart exactly ``within`` old still counts;
       (3) giving up means *more than* ``max_restarts``, so 0 means "never restart";
       (4) ``max_restarts=None`` never gives up, and remembers nothing.

It is the rule of Erlang/OTP's supervisors, with times below a second.
"""

from dataclasses import dataclass
from typing import Final

from ._checks import Checks, Seconds


@dataclass(frozen=True, slots=True, init=False)
class Intensity:
    """At most ``max_restarts`` restarts in any ``within`` seconds; None means any number.

    ``within`` is a number of seconds or a timedelta. Raises ConfigurationError.
    """

    max_restarts: int | None
    within: float

    def __init__(self, max_restarts: int | None = 3, within: Seconds = 5.0) -> None:
        checks = Checks("Intensity")
        limit, span = check_intensity(checks, max_restarts, within)
        checks.finish()
        object.__setattr__(self, "max_restarts", limit)
        object.__setattr__(self, "within", span)


@dataclass(frozen=True, slots=True)
class Window:
    """The times of the restarts that may still count, oldest first."""

    restarts: tuple[float, ...] = ()

    def record(self, now: float, limit: Intensity) -> tuple["Window", bool]:
        """Return the window with a restart at ``now``, and whether the limit still holds."""
        if limit.max_restarts is None:
            return EMPTY, True
        kept = self.counting(now, limit).restarts
        window = Window((*kept, now))
        return window, len(window.restarts) <= limit.max_restarts

    def counting(self, now: float, limit: Intensity) -> "Window":
        """Return the window without the restarts that are too old to count."""
        return Window(tuple(at for at in self.restarts if now - at <= limit.within))


EMPTY: Final = Window()


def check_intensity(
    checks: Checks, max_restarts: object, within: object
) -> tuple[int | None, float]:
    """Return the checked limit, for Intensity and for the strategies."""
    forever = "None never gives up"
    limit = (
        None
        if max_restarts is None
        else checks.whole("max_restarts", max_restarts, at_least=0, way_out=forever)
    )
    return limit, checks.seconds("within", within, above=0.0)
