"""The candidates: a grid with an axis for each knob, the settings of today always among them."""

import random
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from actorbus.options._supervision import Supervision
from actorbus.tuning._knobs import KNOBS, Value
from supervisors import ConfigurationError

GRID: Mapping[str, Sequence[Value]] = {
    "backoff_initial": (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
    "backoff_factor": (1.0, 1.5, 2.0, 3.0),
    "backoff_maximum": (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0),
    "backoff_jitter": (0.1, 0.2, 0.5),
    "backoff_reset_after": (1.0, 10.0, 60.0),
    "backoff_first_immediate": (False, True),
    "retry_attempts": (1, 2, 3, 4, 5, 8, 12),
    "retry_initial": (0.05, 0.1, 0.5, 1.0, 5.0),
    "retry_factor": (1.0, 1.5, 2.0, 3.0),
    "retry_maximum": (1.0, 5.0, 30.0, 120.0, 600.0),
    "retry_jitter": (0.1, 0.2, 0.5),
    "max_restarts": (3, 10, 30, None),
    "within": (5.0, 60.0, 600.0),
    "breaker": (5, 10, 20, 50, None),
}
"""The values that are looked at, smallest first; None, for never, is the largest.

No jitter is not among them: what it is good for, that many endpoints do not come back at once, is
not seen where one is simulated.
"""

_LIMIT = ("max_restarts", "within")

_MOST_TRIES = 1000
"""Draws of settings that contradict each other, or are known, before a draw gives up."""


@dataclass(frozen=True, slots=True)
class Space:
    """What may be chosen: `axes` has the values of each knob that may be changed.

    The others stay as they are in `baseline`. Equal spaces and seeds give equal candidates.
    """

    baseline: Supervision
    axes: Mapping[str, Sequence[Value]]

    @classmethod
    def around(cls, baseline: Supervision, keep: Collection[str] = ()) -> "Space":
        """Return the grid, with the values of `baseline` on it and without the knobs to `keep`.

        A limit of restarts is looked at only where there is one: without it the endpoint of a bus
        is never given up. Raises ConfigurationError for the name of a knob that there is not.
        """
        unknown = sorted(set(keep) - set(KNOBS))
        if unknown:
            known = ", ".join(KNOBS)
            problems = (f"keep={name!r} is no knob (knobs: {known})" for name in unknown)
            raise ConfigurationError("tuning", *problems)
        unlimited = _LIMIT if baseline.max_restarts is None else ()
        free = [knob for knob in KNOBS if knob not in {*keep, *unlimited}]
        return cls(baseline, {knob: _axis(GRID[knob], baseline.value(knob)) for knob in free})

    @property
    def size(self) -> int:
        """How many points the grid has, those that contradict themselves included."""
        size = 1
        for values in self.axes.values():
            size *= len(values)
        return size

    def neighbours(self, settings: Supervision, knob: str) -> list[Supervision]:
        """Return the settings one step down and one step up on a knob's axis, where there are."""
        axis = self.axes[knob]
        here = axis.index(settings.value(knob))
        around = [axis[at] for at in (here - 1, here + 1) if 0 <= at < len(axis)]
        return [found for value in around if (found := _changed(settings, {knob: value}))]

    def at(self, values: Mapping[str, Value]) -> Supervision | None:
        """Return a point of the grid; None if it contradicts itself."""
        return _changed(self.baseline, values)

    def changed(self, settings: Supervision, values: Mapping[str, Value]) -> Supervision | None:
        """Return settings with knobs set otherwise; None if they contradict each other."""
        return _changed(settings, values)

    def all_neighbours(self, settings: Supervision) -> Iterator[Supervision]:
        """Yield the settings that are one step away on one axis."""
        for knob in self.axes:
            yield from self.neighbours(settings, knob)

    def draw(self, draws: random.Random) -> Supervision:
        """Return a random point of the grid."""
        for _ in range(_MOST_TRIES):
            values = {knob: draws.choice(axis) for knob, axis in self.axes.items()}
            found = _changed(self.baseline, values)
            if found is not None:
                return found
        return self.baseline

    def mutate(self, settings: Supervision, draws: random.Random) -> Supervision:
        """Return settings one or two steps away from given ones."""
        for _ in range(draws.choice((1, 2)) if self.axes else 0):
            around = self.neighbours(settings, draws.choice(list(self.axes)))
            settings = draws.choice(around) if around else settings
        return settings


def _axis(grid: Sequence[Value], own: Value) -> list[Value]:
    """Return an axis with a value of its own added, in order."""
    axis = list(grid)
    if own not in axis:
        axis.insert(bisect_left([_size(value) for value in axis], _size(own)), own)
    return axis


def _size(value: Value) -> float:
    return inf if value is None else float(value)


def _changed(settings: Supervision, values: Mapping[str, Value]) -> Supervision | None:
    """Return settings with knobs set otherwise; None if they contradict each other."""
    try:
        return settings.changed(values)
    except ConfigurationError:
        return None
