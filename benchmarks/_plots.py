"""Plots of what was measured, by matplotlib: medians with their range, and every value as a dot.

A plot holds what may be compared: figures of one workload, one guarantee class and one unit.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmarks._document import Entry
from benchmarks._measure import Series
from benchmarks._report import readable
from benchmarks._scenario import shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAR, DOT, LINE = "#9db8c9", "#1f4e6b", "#555555"
Format = Literal["svg", "png"]


class NoPlots(Exception):
    """matplotlib is not installed."""


@dataclass(frozen=True, slots=True)
class Plot:
    """`name` is that of a file without its suffix."""

    name: str
    title: str
    unit: str
    series: Sequence[Series]


def plots(entry: Entry) -> Iterator[Plot]:
    """Return the plots of one workload; figures without a unit, or alone in theirs, are in none."""
    workload, number = entry.result.workload, 0
    for share in shares(entry.scenario, entry.result.series):
        for unit in dict.fromkeys(one.unit for one in share.series if one.unit):
            series = [one for one in share.series if one.unit == unit]
            if len(series) > 1:
                number += 1
                title = f"{workload}: {unit} ({share.guarantee})"
                name = re.sub(r"[^\w-]", "_", workload)
                yield Plot(f"{name}-{number}", title, unit, series)


def drawn(plot: Plot, as_format: Format) -> bytes:
    """Return a plot as a file's content, the same for the same figures.

    Raises NoPlots, which names the extra, if matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415  an extra, imported when used
        from matplotlib.figure import Figure  # noqa: PLC0415  as above
    except ImportError as error:
        raise NoPlots("plots need matplotlib: pip install actorbus[bench]") from error
    with mpl.rc_context({"svg.hashsalt": "actorbus", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 0.9 + 0.34 * len(plot.series)), layout="constrained")
        _draw(figure, plot)
        content = io.BytesIO()
        dated = {"Date": None} if as_format == "svg" else {}
        figure.savefig(content, format=as_format, dpi=150, metadata=dated)
    return content.getvalue()


def _draw(figure: "Figure", plot: Plot) -> None:
    axes = figure.subplots()
    series = plot.series
    places = range(len(series))
    medians = [one.median for one in series]
    below = [one.median - one.low for one in series]
    above = [one.high - one.median for one in series]
    axes.barh(places, medians, 0.62, color=BAR, xerr=(below, above), ecolor=LINE, capsize=3)
    for place, one in zip(places, series, strict=True):
        axes.plot(one.values, [place] * len(one.values), "o", ms=2.5, color=DOT, alpha=0.7)
        axes.annotate(
            readable(one.median),
            (max(one.high, 0.0), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(places, [one.name for one in series])
    axes.invert_yaxis()
    axes.set_title(plot.title, loc="left", fontsize=10)
    axes.set_xlabel("times" if plot.unit == "x" else plot.unit)
    axes.margins(x=0.14)
    axes.xaxis.set_major_formatter("{x:,.6g}")
    axes.spines[["top", "right"]].set_visible(False)
    if plot.unit == "x":
        axes.axvline(1, color=LINE, lw=0.8, ls="--")
