"""Figures of several runs: a mean, and how far it may be off."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import pi, sqrt, tan
from statistics import NormalDist, fmean, stdev


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean of independent runs with its confidence interval, ``low`` to ``high``.

    The interval is Student's (1908): of intervals made so from as many runs, the share
    ``confidence`` holds the mean that endless runs would have. From a single run nothing can be
    said: its interval is the value itself, and ``is_certain`` is False.
    """

    mean: float
    low: float
    high: float
    values: tuple[float, ...]
    confidence: float = 0.95

    @staticmethod
    def of(values: Iterable[float], confidence: float = 0.95) -> "Figure":
        """Return the figure of the values of several runs. ValueError if there is none."""
        seen = tuple(values)
        if not seen:
            raise ValueError("a figure needs the value of at least one run")
        mean = fmean(seen)
        if len(seen) == 1:
            return Figure(mean, mean, mean, seen, confidence)
        reach = student_t(confidence, len(seen) - 1) * stdev(seen) / sqrt(len(seen))
        return Figure(mean, mean - reach, mean + reach, seen, confidence)

    @property
    def is_certain(self) -> bool:
        """Whether there are enough runs to say how far it may be off."""
        return len(self.values) > 1

    def __str__(self) -> str:
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def student_t(confidence: float, freedom: int) -> float:
    """Return the two-sided quantile of Student's t distribution, within 0.2 %.

    One and two degrees of freedom have closed forms; the others are the expansion of Cornish and
    Fisher around the normal quantile (Abramowitz and Stegun, 1964, 26.7.5).
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence={confidence!r} is not allowed: give a number from 0 to 1")
    if freedom == 1:
        return tan(pi * confidence / 2)
    if freedom == 2:  # noqa: PLR2004  # see above
        return confidence * sqrt(2.0 / (1.0 - confidence**2))
    z = NormalDist().inv_cdf((1.0 + confidence) / 2)
    terms: tuple[float, ...] = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum((term / freedom**power for power, term in enumerate(terms, start=1)), z)
