"""How many calls may run at once, found by what more of them do to their duration. Pure.

It is a congestion window, as of TCP Vegas (Brakmo, O'Malley and Peterson, "TCP Vegas", 1994):
what a call takes beyond what it takes when few run is time in some queue (of the processor, of
a database, of a pool), and the limit is kept where that queue begins.

Rules:
 1. A decision is taken after a window of as many calls as the limit, and at least 4.
 2. Grow while the window's mean is less than 25 % above the baseline, and the limit was what held
    calls back: twice as many until the first time that it does not do good, then one more.
 3. Shrink when it is more than 67 % above, in proportion, to the half at most.
 4. Shrink to the half when most calls of the window failed (multiplicative decrease: Chiu and
    Jain, 1989). What failed says nothing about durations.
 5. The baseline is the smallest mean. Every 50 windows it is measured anew, under half the limit
    (or the minimum), since what the calls do may have changed (as BBR does: Cardwell et al., 2016).
"""

from dataclasses import dataclass
from math import inf

LEAST_WINDOW = 4
GROW_BELOW = 1.25
SHRINK_ABOVE = 1.67
MEASURE_EVERY = 50


@dataclass(slots=True)
class LoadLimit:
    """The limit, between `minimum` and `maximum`; it begins at the minimum."""

    minimum: int
    maximum: int
    limit: int = 0
    baseline: float = inf
    doubling: bool = True
    calls: int = 0
    failures: int = 0
    seconds: float = 0.0
    held_back: bool = False
    windows: int = 0
    resume_at: int = 0
    """The limit to go on with after the baseline has been measured; 0 if it is not being."""

    def __post_init__(self) -> None:
        """Begin at the minimum."""
        self.limit = self.limit or self.minimum

    def ended(self, seconds: float, *, failed: bool, held_back: bool) -> None:
        """Note a call that took so long; `held_back` says that others waited for its place."""
        self.held_back |= held_back
        if failed:
            self.failures += 1
        else:
            self.calls += 1
            self.seconds += seconds
        if self.calls + self.failures >= max(self.limit, LEAST_WINDOW):
            self._decide()

    def _decide(self) -> None:
        mean = self.seconds / self.calls if self.calls else None
        if self.failures > self.calls:
            self._set(self.limit // 2)
            self.doubling, self.resume_at = False, 0
        elif mean is not None:
            self._judge(mean)
        self.calls = self.failures = 0
        self.seconds, self.held_back = 0.0, False

    def _judge(self, mean: float) -> None:
        self.windows += 1
        if self.resume_at:
            self.baseline = mean
            self._set(self.resume_at)
            self.resume_at = 0
            return
        self.baseline = min(self.baseline, mean)
        ratio = mean / self.baseline if self.baseline > 0 else 1.0
        if ratio > SHRINK_ABOVE:
            self.doubling = False
            self._set(int(self.limit * max(0.5, GROW_BELOW / ratio)))
        elif ratio < GROW_BELOW and self.held_back:
            self._set(self.limit * 2 if self.doubling else self.limit + 1)
        elif ratio >= GROW_BELOW:
            self.doubling = False
        if self.windows % MEASURE_EVERY == 0:
            self._measure_anew(mean)

    def _measure_anew(self, mean: float) -> None:
        if self.limit == self.minimum:
            self.baseline, self.doubling = mean, True
        else:
            self.resume_at = self.limit
            self._set(self.limit // 2)

    def _set(self, limit: int) -> None:
        self.limit = min(self.maximum, max(self.minimum, limit))
