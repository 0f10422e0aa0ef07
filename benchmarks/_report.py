"""What was measured as tables for people, of one guarantee class each."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks._document import Entry
from benchmarks._measure import Goal
from benchmarks._scenario import Scenario, Share, shares


def show(console: Console, entry: Entry) -> None:
    for share in shares(entry.scenario, entry.result.series):
        console.print(_series_table(entry, share))
        if share.reason:
            console.print(f"  Apart from the others: {share.reason}.", style="dim", highlight=False)
    if entry.result.goals:
        console.print(_goals_table(entry.result.goals))
    for note in entry.result.notes:
        console.print(f"  {note}", style="dim", highlight=False, markup=False)
    console.print()


def _series_table(entry: Entry, share: Share) -> Table:
    title = f"{entry.result.workload} ({share.guarantee})"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("figure")
    for column in ("median", "low", "high"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    for one in share.series:
        figures = (readable(value) for value in (one.median, one.low, one.high))
        table.add_row(one.name, *figures, one.unit)
    return table


def _goals_table(goals: Sequence[Goal]) -> Table:
    table = Table("goal", "wanted", "measured", "", box=None)
    for goal in goals:
        wanted = f"{goal.bound} {readable(goal.limit)} {goal.unit}"
        mark = "[green]met[/]" if goal.met else "[bold red]missed[/]"
        table.add_row(goal.name, wanted, f"{readable(goal.value)} {goal.unit}", mark)
    return table


def described(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Return what a scenario says, as pairs of a word and what there is to it."""
    yield "work", scenario.work
    yield "guarantee", scenario.guarantee
    if scenario.knobs:
        yield "knobs", ", ".join(f"{name}={value}" for name, value in scenario.knobs.items())
    if scenario.peers:
        yield "peers", ", ".join(_peer(peer.name, peer.guarantee) for peer in scenario.peers)
    if scenario.ceiling:
        yield "ceiling", scenario.ceiling
    if scenario.needs:
        yield "needs", ", ".join(scenario.needs)


def _peer(name: str, guarantee: str | None) -> str:
    return f"{name} ({guarantee})" if guarantee else name


def in_words(figures: Mapping[str, float]) -> str:
    """Return figures in a line, as a workload tells them while it runs."""
    return ", ".join(f"{name} {readable(value)}" for name, value in figures.items())


def readable(value: float) -> str:
    """Three significant figures, with thousands separated."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
