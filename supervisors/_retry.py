"""Message health: how often a message is tried, and when the next time is.

It is counted apart from actor health: a poison message uses up its own attempts, not the
restarts of the actor that handles it.
"""

from dataclasses import dataclass

from ._checks import Checks, Seconds
from ._exponential import check_curve, exponential, lengthen


@dataclass(frozen=True, slots=True, init=False)
class Retry:
    """Up to ``attempts`` tries of a message, the first one included.

    Times are seconds, a number or a timedelta. The n-th delay is
    ``initial * factor ** (n - 1)``, at most ``maximum``, made longer by up to the share
    ``jitter``. ``attempts=1`` means that nothing is retried. Raises ConfigurationError.
    """

    attempts: int
    initial: float
    factor: float
    maximum: float
    jitter: float

    def __init__(
        self,
        attempts: int = 5,
        initial: Seconds = 0.1,
        factor: float = 2.0,
        maximum: Seconds = 30.0,
        jitter: float = 0.2,
    ) -> None:
        checks = Checks("Retry")
        count = checks.whole("attempts", attempts, at_least=1, way_out="1 means no retry")
        none = "for no retry give attempts=1"
        curve = check_curve(checks, initial, factor, maximum, jitter, none=none)
        checks.finish()
        names = ("attempts", "initial", "factor", "maximum", "jitter")
        for name, value in zip(names, (count, *curve), strict=True):
            object.__setattr__(self, name, value)

    def next_delay(self, attempt: int, draw: float) -> float | None:
        """Return the seconds to wait after the failed try number ``attempt`` (from 1).

        None means that the attempts are used up. ``draw`` is a random number from 0 to 1.
        """
        delay = exponential(attempt, self.initial, self.factor, self.maximum)
        return lengthen(delay, self.jitter, draw) if attempt < self.attempts else None
