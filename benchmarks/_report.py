"""Results as tables for people, and as one JSON document for programs."""

import json
import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks._measure import Goal, Result, Series


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "sqlite": sqlite3.sqlite_version,
        **{name: _version(name) for name in ("trio", "pykka", "msgspec", "huey")},
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def to_json(results: Sequence[Result]) -> str:
    document = {"machine": machine(), "results": [result.to_json() for result in results]}
    return json.dumps(document, indent=2)


def show(console: Console, result: Result) -> None:
    console.print(_series_table(result.workload, result.series))
    if result.goals:
        console.print(_goals_table(result.goals))
    for note in result.notes:
        console.print(f"  {note}", style="dim", highlight=False)
    console.print()


def _series_table(title: str, series: Sequence[Series]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("figure")
    for column in ("median", "low", "high"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    for one in series:
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


def readable(value: float) -> str:
    """Three significant figures, with thousands separated."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
