"""Two documents beside each other, figure by figure: what may be compared, and what it says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks._document import Document, Entry
from benchmarks._measure import Series
from benchmarks._ratio import Ratio, ratio

Verdict = Literal["better", "worse", "within the noise", "too few rounds", "equal"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One that both documents have under the same settings; `ratio` is after over before."""

    workload: str
    before: Series
    after: Series
    ratio: Ratio | None
    """None where all values are equal."""

    @property
    def verdict(self) -> Verdict:
        if self.ratio is None:
            return "equal"
        if not self.ratio.enough:
            return "too few rounds"
        if not self.ratio.certain:
            return "within the noise"
        return "better" if (self.ratio.value > 1) == self.after.more_is_better else "worse"

    def worse_by(self, share: float) -> bool:
        """Whether it is worse by more than a share of itself, all of its interval."""
        if self.verdict != "worse" or self.ratio is None:
            return False
        if self.after.more_is_better:
            return self.ratio.high < 1 - share
        return self.ratio.low > 1 + share


@dataclass(frozen=True, slots=True)
class Refused:
    """A figure that cannot be compared, and why."""

    workload: str
    figure: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    figures: Sequence[Figure]
    refused: Sequence[Refused]
    """Measured under other settings."""
    warnings: Sequence[str]
    """What else is different: machine, versions, figures that only one of the two has; and
    figures that have no ratio."""


def compare(before: Document, after: Document) -> Comparison:
    found = [*_all(before, after)]
    return Comparison(
        [one for one in found if isinstance(one, Figure)],
        [one for one in found if isinstance(one, Refused)],
        [*_different(before, after), *_alone(before, after)]
        + [one for one in found if isinstance(one, str)],
    )


def _all(before: Document, after: Document) -> Iterator[Figure | Refused | str]:
    for old, new in _pairs(before, after):
        reason = "; ".join(_other_settings(before, old, after, new))
        for first, second in _both(old, new):
            yield _compared(new.result.workload, first, second, reason)


def _compared(workload: str, before: Series, after: Series, reason: str) -> Figure | Refused | str:
    """Return the comparison, or why there is none; words where the values have no ratio."""
    if before.unit != after.unit:
        reason = reason or f"unit {before.unit!r}, then {after.unit!r}"
    if reason:
        return Refused(workload, after.name, reason)
    if {*before.values} == {*after.values} and len({*before.values}) == 1:
        return Figure(workload, before, after, None)
    try:
        return Figure(workload, before, after, ratio(before.values, after.values))
    except ValueError:
        return f"{workload}: {after.name}: values of 0 or less, which have no ratio"


def _other_settings(before: Document, old: Entry, after: Document, new: Entry) -> Iterator[str]:
    """Say what makes two entries measurements of different things."""
    if old.scenario.guarantee != new.scenario.guarantee:
        yield f"{old.scenario.guarantee}, then {new.scenario.guarantee}"
    if before.settings.quick != after.settings.quick:
        yield "--quick in one of them"
    elif list(old.sizes) != list(new.sizes):
        yield f"sizes {_listed(old.sizes)}, then {_listed(new.sizes)}"
    if before.settings.cpu_time != after.settings.cpu_time:
        yield "--cpu-time in one of them"
    yield from _changes("", _texts(old.scenario.knobs), _texts(new.scenario.knobs))


def _texts(knobs: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in knobs.items()}


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes)) or "none"


def _different(before: Document, after: Document) -> Iterator[str]:
    yield from _changes("machine: ", before.machine, after.machine)
    yield from _changes("version: ", before.versions, after.versions)


def _changes(of: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, "none"), after.get(name, "none")
        if old != new:
            yield f"{of}{name} {old}, then {new}"


def _alone(before: Document, after: Document) -> Iterator[str]:
    """Say which figures have nothing beside them."""
    old, new = {*_names(before)}, {*_names(after)}
    for where, names in (("first", old - new), ("second", new - old)):
        for workload, figure in sorted(names):
            yield f"only in the {where}: {workload}: {figure}"


def _names(document: Document) -> Iterator[tuple[str, str]]:
    for entry in document.entries:
        for series in entry.result.series:
            yield entry.result.workload, series.name


def _pairs(before: Document, after: Document) -> Iterator[tuple[Entry, Entry]]:
    old = {entry.result.workload: entry for entry in before.entries}
    for entry in after.entries:
        if entry.result.workload in old:
            yield old[entry.result.workload], entry


def _both(before: Entry, after: Entry) -> Iterator[tuple[Series, Series]]:
    old = {series.name: series for series in before.result.series}
    for series in after.result.series:
        if series.name in old:
            yield old[series.name], series


def to_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "figures": [_figure_json(figure) for figure in comparison.figures],
        "refused": [
            {"workload": one.workload, "figure": one.figure, "reason": one.reason}
            for one in comparison.refused
        ],
        "warnings": list(comparison.warnings),
    }


def _figure_json(figure: Figure) -> dict[str, Any]:
    said = {"workload": figure.workload, "figure": figure.after.name, "unit": figure.after.unit}
    medians = {"before": figure.before.median, "after": figure.after.median}
    found = figure.ratio or Ratio(1.0, 1.0, 1.0, 1.0)
    numbers = {name: getattr(found, name) for name in ("low", "high", "confidence")}
    return {**said, **medians, "ratio": found.value, **numbers, "verdict": figure.verdict}
