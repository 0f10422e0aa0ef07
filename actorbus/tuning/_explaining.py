"""Why each knob is set as it is: a sentence with the figures of its neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actorbus.options._supervision import Supervision
from actorbus.tuning._archive import Archive
from actorbus.tuning._knobs import KNOBS, Value
from actorbus.tuning._objectives import OBJECTIVES, Comparison
from actorbus.tuning._refining import Refined, noticed


@dataclass(frozen=True, slots=True)
class Explanation:
    """One knob: what it is set to, what it was, and a sentence that says why."""

    knob: str
    value: Value
    before: Value
    text: str

    @property
    def changed(self) -> bool:
        """Whether it is set otherwise than today."""
        return self.value != self.before


class Explaining:
    """Writes the sentences about one recommendation."""

    def __init__(
        self, archive: Archive, comparison: Comparison, refined: Refined, runs: int
    ) -> None:
        self._archive = archive
        self._comparison = comparison
        self._refined = refined
        self._runs = runs

    def explain(self, baseline: Supervision, knobs: Sequence[str]) -> Iterator[Explanation]:
        """Yield an explanation for each of these knobs."""
        for knob in knobs:
            value, before = self._refined.recommended.value(knob), baseline.value(knob)
            text = f"{_set_to(knob, value, before)}{self._reasons(knob)}."
            yield Explanation(knob, value, before, text)

    def _reasons(self, knob: str) -> str:
        around = self._refined.looked_at.get(knob)
        if around is None:
            return "; the time was over before its neighbours were looked at"
        told = {one: self._told(one) for one in around}
        if not told:
            return "; there is no other value on its axis that the other settings allow"
        costing = [
            f"with {KNOBS[knob].written(one.value(knob))} {words}"
            for one, words in told.items()
            if words
        ]
        if not costing:
            others = " or ".join(KNOBS[knob].written(one.value(knob)) for one in told)
            return f"; {others} would change no figure"
        return ": " + "; ".join(costing)

    def _told(self, other: Supervision) -> str:
        """Return what another setting would cost and save, in words; empty if nothing."""
        now = self._refined.recommended
        changes = noticed(self._archive, self._comparison, now, other, self._runs)
        worse = [self._figure(name, other) for name, change in changes.items() if change > 0]
        better = [self._figure(name, other) for name, change in changes.items() if change < 0]
        words = [" and ".join(worse), " and ".join(better)]
        return ", but ".join(filter(None, words))

    def _figure(self, name: str, other: Supervision) -> str:
        objective = OBJECTIVES[name]
        now = self._archive.candidate(self._refined.recommended, self._runs).costs
        then = self._archive.candidate(other, self._runs).costs
        figure, instead = (objective.written(getattr(costs, name)) for costs in (then, now))
        return f"the {objective.title} would be {figure} instead of {instead} {objective.unit}"


def _set_to(knob: str, value: Value, before: Value) -> str:
    does = KNOBS[knob].does
    was = "" if value == before else f" (it was {KNOBS[knob].written(before)})"
    return f"{does[0].upper()}{does[1:]} is {KNOBS[knob].written(value)}{was}"
