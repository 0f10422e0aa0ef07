"""A token bucket: how many may begin now, and when the next may. Pure: the caller passes `now`.

Rules (J. Turner, "New directions in communications", IEEE Communications Magazine, 1986):
 1. Tokens come at `rate` a second, and at most `burst` of them are kept.
 2. Each start takes one. In any time t, at most `burst + rate * t` are taken.
 3. A start that cannot wait makes a debt, which is paid before the next one.
"""

from dataclasses import dataclass
from math import inf

_ALMOST = 1e-9
"""What sums of fractions may lack of a whole token."""


@dataclass(slots=True)
class TokenBucket:
    """Tokens at `rate` a second, at most `burst`; it begins full."""

    rate: float
    burst: int
    tokens: float = 0.0
    at: float = -inf

    def available(self, now: float) -> int:
        """Return how many whole tokens there are."""
        return max(0, int(self._tokens(now) + _ALMOST))

    def take(self, count: int, now: float) -> None:
        """Take tokens, also such as are not there yet."""
        self.tokens = self._tokens(now) - count
        self.at = max(self.at, now)

    def wait(self, count: int, now: float) -> float:
        """Return the seconds until `count` tokens are there, 0 if they are."""
        missing = min(count, self.burst) - self._tokens(now)
        return 0.0 if missing <= _ALMOST else missing / self.rate

    def _tokens(self, now: float) -> float:
        grown = self.tokens + self.rate * max(0.0, now - self.at)
        return min(float(self.burst), grown)
