"""A comparison as a table for people."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from benchmarks._compare import Comparison, Figure
from benchmarks._report import readable

COLOURS = {"better": "green", "worse": "red"}

NOTE = (
    "ratio: second over first, the median of all pairs (Hodges and Lehmann); between: its interval"
    " by ranks (Mann and Whitney), with that confidence. Where 1 is in it, the noise is larger than"
    " the difference. Rounds of one run are alike: two runs of the same code can differ by more."
)


def show(console: Console, comparison: Comparison) -> None:
    for warning in comparison.warnings:
        console.print(f"differs: {warning}", style="yellow", markup=False, highlight=False)
    for refused in comparison.refused:
        words = f"not compared: {refused.workload}: {refused.figure}: {refused.reason}"
        console.print(words, style="red", markup=False, highlight=False)
    if not comparison.figures:
        return
    console.print(_table(comparison))
    console.print(NOTE, style="dim", highlight=False)
    for line in by_chance(comparison):
        console.print(line, style="dim", highlight=False)


def by_chance(comparison: Comparison) -> Iterator[str]:
    """Say how many of so many figures would be called different though nothing has changed."""
    judged = [one.ratio for one in comparison.figures if one.ratio and one.ratio.enough]
    expected = sum(1 - one.confidence for one in judged)
    certain = sum(one.certain for one in judged)
    if judged:
        yield (
            f"{certain} of {len(judged)} figures differ; about {expected:.1f} of them would if"
            " nothing had changed."
        )


def _table(comparison: Comparison) -> Table:
    table = Table("workload")
    table.add_column("figure", overflow="fold")
    for column in ("first", "second", "ratio", "between"):
        table.add_column(column, justify="right")
    table.add_column("")
    for figure in comparison.figures:
        table.add_row(*_row(figure))
    return table


def _row(figure: Figure) -> tuple[str, ...]:
    unit = f" {figure.after.unit}" if figure.after.unit else ""
    medians = (readable(one.median) + unit for one in (figure.before, figure.after))
    verdict = str(figure.verdict)
    shown = f"[{COLOURS[verdict]}]{verdict}[/]" if verdict in COLOURS else verdict
    return (figure.workload, figure.after.name, *medians, *_interval(figure), shown)


def _interval(figure: Figure) -> tuple[str, str]:
    found = figure.ratio
    if found is None:
        return "1", ""
    if not found.enough:
        return f"{found.value:.3g}", f"{found.low:.3g} to {found.high:.3g}"
    return f"{found.value:.3g}", f"{found.low:.3g} to {found.high:.3g} ({found.confidence:.0%})"
