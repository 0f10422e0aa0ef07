"""How far a run is, on stderr: a bar on a terminal, lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Shown(Protocol):
    def line(self, text: str) -> None:
        """Show what is being measured."""
        ...

    def advance(self) -> None:
        """One more workload is done."""
        ...


@contextmanager
def shown(console: Console, workloads: int) -> Iterator[Shown]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (SpinnerColumn(), BarColumn(20), TextColumn("{task.completed}/{task.total}"))
    said = TextColumn("{task.description}", markup=False)
    with Progress(*columns, TimeElapsedColumn(), said, console=console, transient=True) as bar:
        yield _Bar(bar, workloads)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: str) -> None:
        self._console.print(text, style="dim", highlight=False, markup=False)

    def advance(self) -> None:
        pass


class _Bar:
    def __init__(self, bar: Progress, workloads: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=workloads)

    def line(self, text: str) -> None:
        self._bar.update(self._task, description=text)

    def advance(self) -> None:
        self._bar.advance(self._task)
