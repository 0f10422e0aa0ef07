"""The command line of the benchmarks: `actorbus bench`, and `python -m benchmarks`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import _compare, _compare_report, _page
from benchmarks._document import Document, Unreadable, read
from benchmarks._html import QUICK, html
from benchmarks._plots import Format, NoPlots, drawn, plots
from benchmarks._progress import shown
from benchmarks._report import described, show
from benchmarks._runner import run as measured
from benchmarks._settings import Settings, Workload
from benchmarks._suites import SUITES, Suite, UnknownName, chosen

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measure the bus beside others, compare two runs, draw plots.",
)
stderr = Console(stderr=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Suites or workloads, or `all`; the suite `embedded` if none is named."),
]
Repeat = Annotated[int, typer.Option(min=1, help="Rounds; the median and the range are shown.")]
Quick = Annotated[bool, typer.Option("--quick", help="Small sizes, to try it out.")]
Peers = Annotated[bool, typer.Option(help="Other libraries too: each is installed when needed.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Output = Annotated[
    Path | None, typer.Option(help="Also write the JSON to a file, after each workload.")
]
CpuTime = Annotated[
    bool,
    typer.Option("--cpu-time", help="Of suite `actors` on one core: the processor's time."),
]
FailOver = Annotated[
    float | None,
    typer.Option(
        min=0.0, help="Exit with 1 if a figure is worse by more per cent than this, noise apart."
    ),
]


def _console() -> Console:
    """Return stdout; where it is no terminal, wide enough for the tables."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def main() -> None:
    app(prog_name="benchmarks")


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Measure the bus beside others, compare two runs, draw plots; alone: `run embedded`."""
    if context.invoked_subcommand is None:
        run(None)


@app.command(name="list")
def list_suites(*, as_json: AsJson = False) -> None:
    """Show the suites and what each workload does: its work, guarantee, knobs, peers, ceiling."""
    if as_json:
        print(json.dumps([_suite_json(suite) for suite in SUITES.values()], indent=2))
        return
    console = _console()
    for suite in SUITES.values():
        console.print(f"[bold]{suite.name}[/]  {suite.summary}")
        for workload in suite.workloads:
            console.print(f"  [bold]{workload.name}[/]  {workload.summary}")
            for word, text in described(workload.scenario):
                console.print(f"      {word + ':':11}{text}", style="dim", markup=False)


@app.command()
def run(
    names: Names = None,
    *,
    repeat: Repeat = 5,
    quick: Quick = False,
    peers: Peers = True,
    cpu_time: CpuTime = False,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Measure, and print the figures beside their goals."""
    workloads = _chosen(names)
    settings = Settings(repeat, quick, peers=peers, cpu_time=_checked(cpu_time, workloads))
    document = _measured(workloads, settings, output)
    _report(document, as_json=as_json)
    _end_badly_if(document.failed)


@app.command()
def check(
    names: Names = None, *, repeat: Repeat = 5, peers: Peers = True, as_json: AsJson = False
) -> None:
    """Measure, and exit with 1 when a goal is missed."""
    document = _measured(_chosen(names), Settings(repeat, peers=peers), None)
    _report(document, as_json=as_json)
    goals = [goal for entry in document.entries for goal in entry.result.goals]
    missed = [goal.name for goal in goals if not goal.met]
    if missed:
        stderr.print(f"missed: {'; '.join(missed)}", highlight=False, markup=False)
    _end_badly_if(document.failed or missed)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="What `run --output` wrote, before.")],
    second: Annotated[Path, typer.Argument(help="The same, after.")],
    *,
    fail_over: FailOver = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs figure by figure: ratios with their spread, and whether it is noise.

    Another machine or version is a warning. Figures of other settings or sizes are not compared,
    each is named, and the exit code is 1.
    """
    with _bad_parameter(Unreadable):
        comparison = _compare.compare(read(first), read(second))
    if as_json:
        print(json.dumps(_compare.to_json(comparison), indent=2))
    else:
        _compare_report.show(_console(), comparison)
    if not comparison.figures:
        stderr.print("nothing could be compared", style="red")
    worse = [
        f"{one.workload}: {one.after.name}"
        for one in comparison.figures
        if fail_over is not None and one.worse_by(fail_over / 100)
    ]
    if worse:
        words = f"worse by more than {fail_over:g} %: {'; '.join(worse)}"
        stderr.print(words, style="red", highlight=False, markup=False)
    _end_badly_if(worse or comparison.refused or not comparison.figures)


@app.command()
def plot(
    file: Annotated[Path, typer.Argument(help="What `run --output` wrote.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The report.")] = Path(
        "report.html"
    ),
    svg: Annotated[Path | None, typer.Option(help="Also each plot as SVG, in a folder.")] = None,
    png: Annotated[Path | None, typer.Option(help="Also each plot as PNG, in a folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a report: one HTML file with tables and plots, which needs nothing else."""
    with _bad_parameter(Unreadable, OSError), _failed(NoPlots):
        document = read(file)
        output.write_text(html(document), encoding="utf-8")
        written = [output]
        if svg is not None:
            written += _save(document, "svg", svg)
        if png is not None:
            written += _save(document, "png", png)
    names = [str(path) for path in written]
    print(json.dumps({"written": names}, indent=2) if as_json else "\n".join(names))


@app.command(name="document")
def write_page(
    file: Annotated[Path, typer.Argument(help="What `run --output` wrote.")] = _page.RESULTS,
) -> None:
    """Write the results of a run into docs/benchmarks.md."""
    with _bad_parameter(Unreadable):
        _page.write(read(file))


def _save(document: Document, as_format: Format, folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for entry in document.entries:
        for one in plots(entry):
            path = folder / f"{one.name}.{as_format}"
            path.write_bytes(drawn(one, as_format))
            yield path


def _measured(workloads: list[Workload], settings: Settings, output: Path | None) -> Document:
    with shown(stderr, len(workloads)) as progress:

        def done(document: Document) -> None:
            progress.advance()
            if output is not None:
                output.write_text(document.to_json() + "\n", encoding="utf-8")

        return measured(workloads, replace(settings, progress=progress.line), done)


def _chosen(names: list[str] | None) -> list[Workload]:
    with _bad_parameter(UnknownName):
        return chosen(names or ["embedded"])


def _checked(cpu_time: bool, workloads: list[Workload]) -> bool:  # noqa: FBT001 - what is checked
    others = [one.name for one in workloads if one not in SUITES["actors"].workloads]
    if cpu_time and others:
        raise typer.BadParameter(f"--cpu-time is for suite `actors` alone, not {', '.join(others)}")
    return cpu_time


@contextmanager
def _bad_parameter(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def _failed(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        stderr.print(str(error), style="red", highlight=False, markup=False)
        raise typer.Exit(1) from error


def _report(document: Document, *, as_json: bool) -> None:
    for workload, message in document.failed.items():
        stderr.print(f"{workload}: {message}", style="red", highlight=False, markup=False)
    if as_json:
        print(document.to_json())
        return
    console = _console()
    for entry in document.entries:
        show(console, entry)
    if document.settings.quick:
        console.print(QUICK, style="yellow", highlight=False)


def _end_badly_if(trouble: object) -> None:
    if trouble:
        raise typer.Exit(1)


def _suite_json(suite: Suite) -> dict[str, object]:
    workloads = [
        {"name": one.name, "summary": one.summary, "scenario": one.scenario.to_json()}
        for one in suite.workloads
    ]
    return {"name": suite.name, "summary": suite.summary, "workloads": workloads}
