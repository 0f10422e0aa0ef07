"""From a front to one recommendation: fewer changes, then a look at each neighbour.

1. The front is run more often.
2. What is nearest to the best of each figure is taken; unless figures may be traded for each other,
   only of what is no worse than today's settings in any that counts.
3. A knob that changes no figure is put back to what it is today.
4. Each neighbour on each axis is run, and moved to where it is nearer. What the neighbours
   of the last one cost is what its explanation tells.
5. Changes that change no figure are taken out of the rest of the front too.
6. The front is run still more often. If what was taken turns out to be worse than today's settings
   after all, another one is taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import cycle

from actorbus.options._supervision import Supervision
from actorbus.tuning._archive import Archive
from actorbus.tuning._evaluating import Evaluator, Limits
from actorbus.tuning._knobs import differences
from actorbus.tuning._objectives import Comparison, Costs, Distance
from actorbus.tuning._space import Space

MOST_SHOWN = 8
"""Of a front with more points, those nearest to the recommended one are shown."""

_NOTICED = 0.02
"""The share of a figure by which it has to differ, beyond chance, to be told."""


@dataclass(slots=True)
class Refined:
    """What is known about the one that is recommended; grows while there is time."""

    recommended: Supervision
    front: list[Supervision] = field(default_factory=list)
    looked_at: dict[str, list[Supervision]] = field(default_factory=dict)
    """The neighbours of `recommended` that were run, by knob."""


class Refining:
    """Finds the recommendation; `refined` has what there is whenever it is stopped."""

    def __init__(
        self,
        space: Space,
        comparison: Comparison,
        archive: Archive,
        evaluator: Evaluator,
        runs: int,
        *,
        trade: bool,
    ) -> None:
        self._space = space
        self._comparison = comparison
        self._archive = archive
        self._evaluator = evaluator
        self.runs = runs
        self.explained_by = runs
        """How many runs all of what is explained has had."""
        self._trade = trade
        self.refined = Refined(space.baseline)
        self._choose()

    def refine(self, limits: Limits, shown: int) -> None:
        """Do all of it. Raises Stopped."""
        self._run([self._space.baseline, *self.refined.front], limits)
        self._choose()
        self._put_back(limits)
        self._descend(limits)
        self._choose_front()
        for place, settings in enumerate(self.refined.front):
            self.refined.front[place] = self._stripped(settings, limits)
        best = [self.refined.recommended, self._space.baseline, *self.refined.front]
        self._evaluator.run(best, shown, limits)
        self.runs = max(shown, self.runs)
        if not self._is_allowed(self.refined.recommended):
            self.explained_by = self.runs
            self._choose()
            self._put_back(limits)
            self._descend(limits)

    def _run(self, candidates: Iterable[Supervision], limits: Limits) -> None:
        self._evaluator.run(candidates, self.runs, limits)

    def _cost(self, settings: Supervision) -> Costs:
        return self._archive.candidate(settings, self.runs).costs

    def _known(self) -> list[tuple[Supervision, Costs]]:
        return [(one.settings, one.costs) for one in self._archive.at(self.runs)]

    def _distance(self) -> Distance:
        front = self._comparison.front(self._known())
        return self._comparison.distances([costs for _, costs in front])

    def _choose(self) -> None:
        """Take the best of all that were run often enough, and the front around it."""
        known = self._known()
        distance = self._distance()
        allowed = [found for found in known if self._is_allowed(found[0])]
        best = min(self._comparison.front(allowed), key=lambda found: distance(found[1]))
        self.refined = Refined(best[0])
        self._choose_front()

    def _is_allowed(self, settings: Supervision) -> bool:
        """Whether it may be recommended, given what today's settings cost."""
        if self._trade:
            return True
        more, _ = self._archive.differences(self._space.baseline, settings, self.runs)
        today = self._cost(self._space.baseline)
        return all(
            getattr(more, name) <= _NOTICED * getattr(today, name)
            for name in self._comparison.weights
        )

    def _choose_front(self) -> None:
        distance = self._distance()
        front = sorted(self._comparison.front(self._known()), key=lambda found: distance(found[1]))
        self.refined.front = [settings for settings, _ in front[:MOST_SHOWN]]

    def _put_back(self, limits: Limits) -> None:
        """Put the knobs back, one after the other, that change nothing."""
        for knob in differences(self.refined.recommended, self._space.baseline):
            now = self.refined.recommended
            back = self._space.changed(now, {knob: self._space.baseline.value(knob)})
            if back is None:
                continue
            self._run([back], limits)
            if not any(self.worse(now, back).values()):
                self._move(back)

    def _stripped(self, settings: Supervision, limits: Limits) -> Supervision:
        """Return settings without changes that change no figure: all of `retry`, then each."""
        today = self._space.baseline
        changed = differences(settings, today)
        retry = [knob for knob in changed if knob.startswith("retry_")]
        for knobs in [retry, *([knob] for knob in changed)]:
            values = {knob: today.value(knob) for knob in knobs}
            back = self._space.changed(settings, values) if knobs else None
            if back is None or back == settings:
                continue
            self._run([settings, back], limits)
            if not any(self.worse(settings, back).values()):
                settings = back
        return settings

    def _descend(self, limits: Limits) -> None:
        """Look at the neighbours on one axis after the other, until none of them is nearer.

        Those of the knobs that are changed come first: it is they that are to be explained.
        """
        changed = differences(self.refined.recommended, self._space.baseline)
        knobs = sorted(self._space.axes, key=lambda knob: knob not in changed)
        distance, settled = self._distance(), 0
        for knob in cycle(knobs):
            if settled == len(knobs):
                return
            settled = 0 if self._step(knob, distance, limits) else settled + 1

    def _step(self, knob: str, distance: Distance, limits: Limits) -> bool:
        """Look at the neighbours on an axis; move to the nearer one and return True, if any is."""
        now = self.refined.recommended
        around = self._space.neighbours(now, knob)
        self._run([now, *around], limits)
        self.refined.looked_at[knob] = around
        nearer = [one for one in around if self._is_nearer(one, now, distance)]
        if nearer:
            self._move(min(nearer, key=lambda one: distance(self._cost(one))))
        return bool(nearer)

    def _is_nearer(self, one: Supervision, now: Supervision, distance: Distance) -> bool:
        """Whether one is nearer to the best, and not by chance: it is noticed in a figure."""
        nearer = distance(self._cost(one)) < distance(self._cost(now))
        return nearer and any(self.worse(one, now).values()) and self._is_allowed(one)

    def _move(self, settings: Supervision) -> None:
        self.refined.recommended = settings
        self.refined.looked_at = {}

    def worse(self, one: Supervision, other: Supervision) -> dict[str, bool]:
        """Return of each figure that counts whether the second has noticeably more of it."""
        changes = noticed(self._archive, self._comparison, one, other, self.runs)
        return {name: change > 0 for name, change in changes.items()}


def noticed(
    archive: Archive, comparison: Comparison, one: Supervision, other: Supervision, runs: int
) -> dict[str, float]:
    """Return by how much the second costs more, for the figures that differ beyond chance."""
    means, errors = archive.differences(one, other, runs)
    before = archive.candidate(one, runs).costs
    return {
        name: change
        for name in comparison.weights
        if abs(change := getattr(means, name))
        > max(2 * getattr(errors, name), _NOTICED * getattr(before, name))
    }
