"""How long a failed child waits before it is started again.

Rules: (1) the first restart after a failure while running is immediate, if so configured;
       (2) a failed start always waits;
       (3) the delay grows with each wait, to a maximum; jitter only lengthens it;
       (4) it falls back after quiet time *and* a success, never after one of them alone.
"""

from dataclasses import dataclass
from typing import Final, Literal

from ._checks import Checks, Seconds
from ._exponential import check_curve, exponential, lengthen

Phase = Literal["start", "run"]
"""Where a child failed: while it started, or once it ran."""


@dataclass(frozen=True, slots=True)
class BackoffState:
    """How far a row of failures has got: restarts in the row, and how many of them waited.

    ``since`` is when the last of them was due.
    """

    restarts: int = 0
    waits: int = 0
    since: float = 0.0


FRESH: Final = BackoffState()


@dataclass(frozen=True, slots=True, init=False)
class Backoff:
    """Exponential backoff; all times are seconds, a number or a timedelta.

    The n-th wait is ``initial * factor ** (n - 1)``, at most ``maximum``, then made longer by
    up to the share ``jitter``: children that failed together come back spread out.
    ``reset_after`` is the quiet time, counted from when the child was up again, that takes the
    delay back to its beginning if the child also handled something. Raises ConfigurationError.
    """

    initial: float
    factor: float
    maximum: float
    jitter: float
    reset_after: float
    first_immediate: bool

    def __init__(
        self,
        initial: Seconds = 0.1,
        factor: float = 2.0,
        maximum: Seconds = 30.0,
        jitter: float = 0.2,
        *,
        reset_after: Seconds = 10.0,
        first_immediate: bool = True,
    ) -> None:
        checks = Checks("Backoff")
        none = "for restarts without delay give the strategy backoff=None"
        curve = check_curve(checks, initial, factor, maximum, jitter, none=none)
        quiet = checks.seconds("reset_after", reset_after)
        immediate = checks.flag("first_immediate", first_immediate)
        checks.finish()
        names = ("initial", "factor", "maximum", "jitter", "reset_after", "first_immediate")
        for name, value in zip(names, (*curve, quiet, immediate), strict=True):
            object.__setattr__(self, name, value)

    def delay(self, wait: int, draw: float) -> float:
        """Return the seconds of the ``wait``-th wait in a row, from 1; ``draw`` is from 0 to 1."""
        return lengthen(
            exponential(wait, self.initial, self.factor, self.maximum), self.jitter, draw
        )

    def next(
        self, state: BackoffState, phase: Phase, now: float, draw: float
    ) -> tuple[float, BackoffState]:
        """Return the delay before the next start, and the state to keep."""
        waits, delay = state.waits, 0.0
        if not (self.first_immediate and phase == "run" and state.restarts == 0):
            waits += 1
            delay = self.delay(waits, draw)
        return delay, BackoffState(state.restarts + 1, waits, now + delay)

    def is_over(self, quiet: float, *, succeeded: bool) -> bool:
        """Whether a row of failures has ended: ``quiet`` seconds without one, and a success."""
        return succeeded and quiet >= self.reset_after


DEFAULT_BACKOFF: Final = Backoff()
"""What failed starts wait under a strategy with ``backoff=None``: they are never immediate."""
