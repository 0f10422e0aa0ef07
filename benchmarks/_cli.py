"""The command line of the benchmarks."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks._measure import Result
from benchmarks._process import MeasurementFailed
from benchmarks._report import show, to_json
from benchmarks._settings import Settings, Workload
from benchmarks.workloads import GROUPS, WORKLOADS

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
stderr = Console(stderr=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Workloads, or `durable`; all that need no server if none is named."),
]
Repeat = Annotated[int, typer.Option(min=1, help="Rounds; the median and the range are shown.")]
Quick = Annotated[bool, typer.Option("--quick", help="Small sizes, to try it out.")]
Peers = Annotated[bool, typer.Option(help="Other libraries too: each is installed when needed.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def main() -> None:
    app()


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Run `list`, `run` or `check`; without a command, `run` the workloads that need no server."""
    if context.invoked_subcommand is None:
        run(None)


@app.command(name="list")
def list_workloads() -> None:
    """Show the workloads."""
    for workload in WORKLOADS.values():
        print(f"{workload.name:20} {workload.summary}")


@app.command()
def run(
    names: Names = None,
    *,
    repeat: Repeat = 5,
    quick: Quick = False,
    peers: Peers = True,
    as_json: AsJson = False,
    output: Annotated[Path | None, typer.Option(help="Also write the JSON to a file.")] = None,
) -> None:
    """Measure, and print the figures beside their goals."""
    _report(
        _measured(names, Settings(repeat, quick, _progress, peers)), as_json=as_json, output=output
    )


@app.command()
def check(names: Names = None, *, repeat: Repeat = 5, as_json: AsJson = False) -> None:
    """Measure, and exit with 1 when a goal is missed."""
    results = _measured(names, Settings(repeat, progress=_progress))
    _report(results, as_json=as_json, output=None)
    missed = [goal.name for result in results for goal in result.goals if not goal.met]
    if missed:
        stderr.print(f"missed: {'; '.join(missed)}", highlight=False)
        raise typer.Exit(1)


def _measured(names: list[str] | None, settings: Settings) -> list[Result]:
    try:
        return [workload.run(settings) for workload in _chosen(names)]
    except MeasurementFailed as error:
        stderr.print(str(error), style="red", highlight=False, markup=False)
        raise typer.Exit(1) from error


def _chosen(names: list[str] | None) -> list[Workload]:
    chosen = [one for name in names or ["embedded"] for one in GROUPS.get(name, [name])]
    unknown = [name for name in chosen if name not in WORKLOADS]
    if unknown:
        known = ", ".join([*WORKLOADS, *GROUPS])
        raise typer.BadParameter(f"no workload {', '.join(unknown)} (known: {known})")
    return [WORKLOADS[name] for name in chosen]


def _progress(line: str) -> None:
    stderr.print(line, style="dim", highlight=False, markup=False)


def _report(results: list[Result], *, as_json: bool, output: Path | None) -> None:
    document = to_json(results)
    if output is not None:
        output.write_text(document + "\n", encoding="utf-8")
    if as_json:
        print(document)
        return
    console = Console()
    for result in results:
        show(console, result)
