"""What `actorbus tune` prints: the front, the recommendation and its reasons, code and commands."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from actorbus import Supervision
from actorbus.cli._output import Output
from actorbus.tuning import KNOBS, OBJECTIVES, Candidate, Tuning, differences

_ENDED = {
    "budget": "its budget was used up",
    "runs": "its runs were done",
    "interrupted": "it was interrupted",
    "exhausted": "nothing was left to try",
}


class Source(NamedTuple):
    """Whose settings were searched, and what was simulated, in words."""

    app: str | None
    endpoint: str
    simulated: str

    def command(self, tuning: Tuning) -> str:
        """Return the command that sets the recommended ones; empty if nothing is to be changed."""
        return tuning.command(self.app or "APP", self.endpoint)


def document(tuning: Tuning, source: Source, plots: Sequence[Path]) -> dict[str, Any]:
    """Return the result as one JSON document."""
    today = tuning.baseline.settings
    return {
        "endpoint": source.endpoint,
        "simulated": source.simulated,
        "objective": dict(tuning.weights),
        "seed": tuning.seed,
        "searched": tuning.searched,
        "runs": tuning.runs,
        "candidates": len(tuning.candidates),
        "seconds": round(tuning.seconds, 3),
        "ended": tuning.ended,
        "today": _candidate(tuning.baseline, today),
        "recommended": _candidate(tuning.recommended, today),
        "front": [_candidate(one, today) for one in tuning.front],
        "explained": [{**asdict(one), "changed": one.changed} for one in tuning.explained],
        "code": tuning.code(),
        "command": source.command(tuning),
        "plots": [str(path) for path in plots],
    }


def _candidate(one: Candidate, today: Supervision) -> dict[str, Any]:
    return {
        "settings": one.settings.settings(),
        "changed": differences(one.settings, today),
        "costs": one.costs._asdict(),
        "standard_errors": one.errors._asdict(),
        "runs": one.runs,
    }


def show(output: Output, tuning: Tuning, source: Source, plots: Sequence[Path]) -> None:
    """Print the result for a person."""
    output.line(
        f"{source.endpoint}: {len(tuning.candidates)} settings in {tuning.runs} simulated runs,"
        f" {tuning.seconds:.1f} s; {_ENDED[tuning.ended]}"
    )
    output.line(f"simulated: {source.simulated}")
    cut_short = tuning.ended in ("budget", "interrupted")
    again = "repeat it, and finish it" if cut_short else "repeat it"
    output.line(f"to {again}, add --runs {tuning.searched} --seed {tuning.seed}")
    _show_front(output, tuning)
    output.line("\nWhy, knob by knob (* is changed):")
    for one in tuning.explained:
        output.line(f"{'*' if one.changed else ' '} {one.text}")
    output.line(f"\nAs code:\n\n{_indented(tuning.code())}")
    command = source.command(tuning)
    if command:
        output.line(f"In the running system:\n\n    {command}")
    else:
        output.line(
            "Nothing is to be changed: none of those tried is better than today in one figure and"
            " worse in none; --trade allows that"
        )
    for path in plots:
        output.line(f"plot: {path}")


def _show_front(output: Output, tuning: Tuning) -> None:
    """Print the front, with today's settings first."""
    today = tuning.baseline
    rows = [("today", today)]
    rows += [
        ("recommended" if one == tuning.recommended else "", one)
        for one in tuning.front
        if one != today
    ]
    names = list(tuning.weights)
    output.table(
        "the front: nothing that was tried beats one of these in every figure",
        ("settings", *(f"{name}, {OBJECTIVES[name].unit}" for name in names)),
        (
            (_lines(label, one.settings, today.settings), *_figures(one, names))
            for label, one in rows
        ),
        right=len(names),
    )


def _figures(one: Candidate, names: Sequence[str]) -> list[str]:
    figures = [_figure(getattr(one.costs, name), 3) for name in names]
    if one.runs == 1:  # of which nothing can be said
        return [f"{figure} (one run)" for figure in figures]
    errors = [2 * getattr(one.errors, name) for name in names]
    return [
        f"{figure} ± {_figure(error, 2)}" for figure, error in zip(figures, errors, strict=True)
    ]


def _figure(value: float, digits: int) -> str:
    """Return it with so many significant figures, and never as a power of ten."""
    return f"{value:,.0f}" if value >= 10**digits else f"{value:.{digits}g}"


def _lines(label: str, settings: Supervision, today: Supervision) -> str:
    changed = differences(settings, today)
    changes = [f"{knob} {KNOBS[knob].written(settings.value(knob))}" for knob in changed]
    return "\n".join([*([label] if label else []), *changes])


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
