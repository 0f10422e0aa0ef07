"""What a command prints: tables or one JSON document on stdout, everything else on stderr."""

import json
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from actorbus.cli._errors import Complaint, complaint
from actorbus.cli._exit_codes import ExitCode

_WIDTH_OF_A_FILE = 240  # characters: a table that goes to a file or a pipe is not cut to 80


class Output:
    """One command's output. With `as_json`, `document` is the only thing that stdout gets."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
        self.stdout = Console(width=width, highlight=False)
        self.stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def document(self, value: Any) -> None:
        """Print the JSON document; with escapes only, if it has what stdout cannot write."""
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            text = json.dumps(value, indent=2, default=str)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        right: int = 0,
    ) -> None:
        """Print a table; its last `right` columns are numbers.

        On a terminal where it would have to break words it is printed a row below the other.
        """
        texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
        table = _table(title, columns, texts, right)
        if _breaks_words(columns, texts, self.stdout.width):
            self._records(title, columns, texts)
        else:
            self.stdout.print(table)

    def _records(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print each row as lines of its own, a column each; empty ones are left out."""
        self.stdout.print(title, style="italic", markup=False)
        width = max(cell_len(name) for name in columns)
        for row in rows:
            for name, cell in zip(columns, row, strict=True):
                if cell:
                    self.stdout.print(f"{name:{width}}  {cell}", markup=False, soft_wrap=True)
            self.stdout.print()

    def line(self, text: str) -> None:
        """Print a line of the answer; nothing with `as_json`."""
        if not self.as_json:
            self.stdout.print(text, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Tell what happens meanwhile, on stderr."""
        self.stderr.print(text, markup=False)

    def complain(self, what: Complaint) -> None:
        """Tell what went wrong: in the document with `as_json`, and always on stderr."""
        self.stderr.print("error:", style="bold red", end=" ")
        self.stderr.print(what.text, markup=False)
        for detail in what.details:
            self.stderr.print(f"  {detail}", markup=False)
        if self.as_json:
            error = {"code": int(what.code), "message": what.text, "details": list(what.details)}
            self.document({"error": error})


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: int) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        number = index >= len(columns) - right
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _breaks_words(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the longest words of all columns do not fit beside each other."""
    if not rows:
        return False
    longest = (
        max(cell_len(word) for cell in cells for word in ("", *cell.split()))
        for cells in zip(columns, *rows, strict=True)
    )
    return sum(longest) + 3 * len(columns) + 1 > width


@contextmanager
def reported(*, as_json: bool, show_traceback: bool) -> Iterator[Output]:
    """Give a command its output, and turn what it raises into words and an exit code.

    Leaves typer's own exceptions and BaseExceptions alone; a traceback is printed only on demand.
    """
    output = Output(as_json=as_json)
    try:
        yield output
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except BrokenPipeError:
        _leave_quietly()
    except Exception as error:  # noqa: BLE001  # every error of a command ends here, in words
        if show_traceback:
            traceback.print_exception(error)
        what = complaint(error)
        output.complain(what)
        raise typer.Exit(what.code) from None


def _leave_quietly() -> None:
    """End when nobody reads any more (`actorbus list ... | head`), without a second error."""
    sys.stderr.close()
    raise typer.Exit(ExitCode.FAILURE)
