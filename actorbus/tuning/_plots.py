"""The plots of a search, by matplotlib, which is imported when one is wanted."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actorbus.tuning._archive import Candidate
from actorbus.tuning._objectives import OBJECTIVES
from actorbus.tuning._tuning import Tuning
from supervisors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")
_TRIED, _FRONT, _TODAY, _BEST = "#c8ccd0", "#1f6f8b", "#b5542f", "#2c7a3f"


def check_plots() -> None:
    """Raise ConfigurationError, naming the extra, if matplotlib is not installed."""
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415  an extra; looks whether it is there
    except ImportError as error:
        raise ConfigurationError(
            "tuning", "plots need matplotlib: pip install actorbus[tune]"
        ) from error


def draw_plots(tuning: Tuning, folder: Path) -> list[Path]:
    """Draw the front, and the figures of today beside the recommended ones; return the files.

    Each is written as SVG and as PNG; the folder is made if it is not there. Raises
    ConfigurationError if matplotlib is not installed, and OSError if a file cannot be written.
    """
    check_plots()
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"front": _front(tuning), "before-and-after": _before_and_after(tuning)}
    return [
        _saved(figure, folder / f"{name}.{suffix}")
        for name, figure in figures.items()
        for suffix in FORMATS
    ]


def _saved(figure: "Figure", path: Path) -> Path:
    figure.savefig(path, dpi=150)
    return path


def _figure(columns: int, height: float) -> tuple["Figure", Sequence["Axes"]]:
    """Return a figure with so many places side by side. It belongs to no window and no state."""
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra, imported when used

    figure = Figure(figsize=(4.6 * columns, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def _front(tuning: Tuning) -> "Figure":
    """Every candidate, the front, today and the recommended one, for each two figures."""
    names = list(tuning.weights)
    pairs = list(combinations(names, 2)) or [(names[0], names[0])]
    figure, places = _figure(len(pairs), 4.2)
    for axes, (across, up) in zip(places, reversed(pairs), strict=True):
        _scatter(axes, tuning, across, up)
    places[0].legend(loc="upper right", fontsize=8, frameon=False)
    return figure


def _scatter(axes: "Axes", tuning: Tuning, across: str, up: str) -> None:
    groups: list[tuple[str, Sequence[Candidate], dict[str, Any]]] = [
        ("tried", tuning.candidates, {"s": 9, "color": _TRIED}),
        ("front", tuning.front, {"s": 30, "color": _FRONT}),
        ("today", [tuning.baseline], {"s": 70, "color": _TODAY, "marker": "s"}),
        ("recommended", [tuning.recommended], {"s": 130, "color": _BEST, "marker": "*"}),
    ]
    for label, candidates, style in groups:
        points = [(getattr(one.costs, across), getattr(one.costs, up)) for one in candidates]
        axes.scatter(*zip(*points, strict=True), label=label, **style)
    for name, place in ((across, axes.xaxis), (up, axes.yaxis)):
        place.set_label_text(f"{OBJECTIVES[name].title}, {OBJECTIVES[name].unit}")
    axes.set_xscale("symlog", linthresh=OBJECTIVES[across].grain)
    axes.set_yscale("symlog", linthresh=OBJECTIVES[up].grain)
    axes.grid(visible=True, alpha=0.3)


def _before_and_after(tuning: Tuning) -> "Figure":
    """Each figure that counts, of today and of the recommended settings, with its error."""
    figure, places = _figure(len(tuning.weights), 3.2)
    for axes, name in zip(places, tuning.weights, strict=True):
        both = (tuning.baseline, tuning.recommended)
        heights = [getattr(one.costs, name) for one in both]
        errors = [2 * getattr(one.errors, name) for one in both]
        bars = axes.bar(("today", "recommended"), heights, yerr=errors, color=(_TODAY, _BEST))
        axes.bar_label(bars, labels=[f"{height:.3g}" for height in heights], padding=2)
        axes.set_title(f"{OBJECTIVES[name].title}, {OBJECTIVES[name].unit}", fontsize=9)
    return figure
