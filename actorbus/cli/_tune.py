"""`actorbus tune`: searches settings of an endpoint in a simulation, and says what each costs."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from actorbus.cli import _tune_report
from actorbus.cli._arguments import AsJson, Duration, Traceback, duration
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._tune_model import ModelOptions, in_words, scenario_of, wrong_usage
from actorbus.cli._tune_report import Source
from actorbus.tuning import Progress as Step
from actorbus.tuning import Tuning, check_plots, draw_plots, parse_weights, search
from supervisors import ConfigurationError

MODEL = "The model, instead of --trace"
_BUDGET, _QUICK_BUDGET = 60.0, 10.0


def _option(text: str, name: str = "", *, metavar: str = "DURATION") -> object:
    """Return an option of the model that is a duration."""
    names = [name] if name else []
    return typer.Option(*names, parser=duration, metavar=metavar, help=text, rich_help_panel=MODEL)


App = Annotated[
    str | None,
    typer.Argument(metavar="[APP]", help="Its declared settings are those of today."),
]
Arrivals = Annotated[
    float | None, typer.Option(help="Messages a second; 2.", rich_help_panel=MODEL)
]
Service = Annotated[Duration | None, _option("How long a handler takes, on average; 50ms.")]
Outage = Annotated[Duration | None, _option("How long the dependency is away, on average; 1m.")]
Every = Annotated[Duration | None, _option("From its return to the next time; twice as long.")]
FailsAfter = Annotated[Duration | None, _option("How long a call of it takes to fail then; 0.")]
Failures = Annotated[
    float | None, typer.Option(help="Share of tries that fail by chance; 0.", rich_help_panel=MODEL)
]
PoisonShare = Annotated[
    float | None,
    typer.Option("--poison", help="Share of messages that fail always; 0.", rich_help_panel=MODEL),
]
Concurrency = Annotated[
    int | None, typer.Option(help="Messages at once; as APP says.", min=1, rich_help_panel=MODEL)
]
Horizon = Annotated[Duration | None, _option("Simulated time of a run; three outages.", "--for")]


def tune(
    app: App = None,
    *,
    trace: Annotated[
        Path | None, typer.Option(help="A recording of `actorbus record`, to be replayed.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Whose settings, by its id.")] = None,
    objective: Annotated[
        str, typer.Option(help="What counts, and how much: recovery=2,load,loss,waiting=0.5.")
    ] = "recovery,load,loss",
    budget: Annotated[
        Duration | None,
        typer.Option(parser=duration, metavar="DURATION", help="Wall-clock time; 1m, quick 10s."),
    ] = None,
    runs: Annotated[
        int | None, typer.Option(help="End the search after so many simulated runs.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one gives another search.")] = 0,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="KNOB", help="Leave this as it is; repeatable.")
    ] = None,
    sampler: Annotated[
        str, typer.Option(help="Who proposes candidates: grid, or optuna.")
    ] = "grid",
    workers: Annotated[int, typer.Option(help="Processes that simulate.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer candidates, fewer runs.")] = False,
    trade: Annotated[
        bool, typer.Option("--trade", help="One figure may get worse for the sake of others.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw plots there (extra `tune`).")
    ] = None,
    arrivals: Arrivals = None,
    service: Service = None,
    outage: Outage = None,
    every: Every = None,
    fails_after: FailsAfter = None,
    failures: Failures = None,
    poison: PoisonShare = None,
    concurrency: Concurrency = None,
    horizon: Horizon = None,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Simulate an endpoint under many settings and recommend some, with reasons and figures.

    Ctrl-C ends the search, prints what it has found so far and gives code 130; a second one ends
    it at once.
    """
    with reported(as_json=as_json, show_traceback=traceback) as output:
        model = ModelOptions(
            arrivals, service, outage, every, fails_after, failures, poison, horizon, concurrency
        )
        scenario = scenario_of(app, trace, endpoint, model, seed)
        seconds = (_QUICK_BUDGET if quick else _BUDGET) if budget is None else budget
        try:
            if plots is not None:
                check_plots()
            weights = parse_weights(objective)
            with _interrupts() as interrupted, _progress(output, seconds) as tell:
                output.note("searching; Ctrl-C ends it and keeps what it has found")
                found = search(
                    scenario,
                    objective=weights,
                    budget=None if runs is not None and budget is None else seconds,
                    runs=runs,
                    seed=seed,
                    keep=keep or (),
                    sampler=sampler,
                    workers=workers,
                    quick=quick,
                    trade=trade,
                    interrupted=interrupted,
                    on_progress=tell,
                )
        except ConfigurationError as error:
            raise wrong_usage(error) from error
        drawn = [] if plots is None else _drawn(found, plots)
        source = Source(app, scenario.endpoint.name, in_words(trace, scenario))
        _print(output, found, source, drawn)
        if found.ended == "interrupted":
            raise typer.Exit(ExitCode.INTERRUPTED)


def _drawn(found: Tuning, folder: Path) -> list[Path]:
    try:
        return draw_plots(found, folder)
    except OSError as error:
        raise CommandFailed(f"{folder}: {error.strerror or error}") from error


def _print(output: Output, found: Tuning, source: Source, drawn: Sequence[Path]) -> None:
    if output.as_json:
        output.document(_tune_report.document(found, source, drawn))
    else:
        _tune_report.show(output, found, source, drawn)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Take over Ctrl-C: the first is asked for, the second ends the process as always."""
    received: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield lambda: bool(received)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(output: Output, seconds: float) -> Iterator[Callable[[Step], None]]:
    """Show on stderr how far it is."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=output.stderr, transient=True) as bar:
        task = bar.add_task("searching", total=seconds)

        def tell(step: Step) -> None:
            words = f"{step.step}: {step.candidates} settings, {step.runs} runs"
            bar.update(task, completed=min(step.seconds, seconds), description=words)

        yield tell
