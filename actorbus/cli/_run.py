"""`actorbus run`: consume until told to stop, or until one of the limits is reached."""

import logging
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import trio
import typer

from actorbus import ActorBus, Ending, Limits, RunResult
from actorbus.cli._arguments import App, AsJson, Duration, Traceback, duration, memory
from actorbus.cli._consume import as_json as as_document
from actorbus.cli._consume import consume
from actorbus.cli._durations import readable
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._recording import RecordTo, recorded, recording, show_recorded
from actorbus.cli._target import load

if TYPE_CHECKING:
    from actorbus.tuning._recorder import Recorder
from actorbus.messages._types import did_you_mean

_LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run(
    app: App,
    channels: Annotated[
        list[str] | None, typer.Argument(help="Channels to consume; all if none is named.")
    ] = None,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Stop when nothing is ready or due.")
    ] = False,
    period: Annotated[
        Duration | None,
        typer.Option("--for", parser=duration, metavar="DURATION", help="Stop after 10s, 5m, 2h."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Handle this many messages, and never begin one more."),
    ] = None,
    failure_limit: Annotated[
        int | None, typer.Option(min=1, help="Stop when this many attempts have failed.")
    ] = None,
    stop_on_failure: Annotated[
        bool, typer.Option("--stop-on-failure", help="The same as --failure-limit 1.")
    ] = False,
    memory_limit: Annotated[
        int | None,
        typer.Option(parser=memory, metavar="SIZE", help="Stop when the process holds 512MB."),
    ] = None,
    by_priority: Annotated[
        bool,
        typer.Option(
            "--by-priority", help="A channel waits while those named before it have messages."
        ),
    ] = False,
    store_wait: Annotated[
        Duration | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="Fail if the database server is away for 30s at the start. Else it is waited for.",
        ),
    ] = None,
    record: RecordTo = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Consume channels until SIGTERM, SIGINT or a limit.

    The first signal stops the intake, finishes what was begun and releases the rest; the second
    one ends the process at once.
    """
    limits = Limits(
        messages=limit,
        seconds=period,
        memory=memory_limit,
        failures=1 if stop_on_failure else failure_limit,
        idle=once,
    )
    with reported(as_json=as_json, show_traceback=traceback) as output:
        log_to_stderr(log_level)
        bus = load(app)
        chosen = declared_channels(bus, channels or [])
        with recording(bus, record) as recorder:
            result = run_bus(
                bus, chosen, limits, output, prioritised=by_priority, store_wait=store_wait
            )
        show_result(output, result, recorder)
    if result.ending is Ending.FAILURE:
        raise typer.Exit(ExitCode.HANDLER_FAILED)


def run_bus(
    bus: ActorBus,
    channels: list[str],
    limits: Limits,
    output: Output,
    *,
    prioritised: bool = False,
    store_wait: float | None = None,
) -> RunResult:
    """Consume until a signal or a limit, and return how it ended."""
    run = partial(consume, prioritised=prioritised, store_wait=store_wait)
    try:
        return trio.run(run, bus, channels, limits, output.note)
    except SystemExit as error:  # its code would be taken for one of this command's
        raise CommandFailed(f"the application called sys.exit({error.code!r})") from error


def log_to_stderr(level: str) -> None:
    """Log, unless the application has set up logging itself."""
    if level not in _LEVELS:
        raise CommandFailed(f"log level {level!r}{did_you_mean(level, _LEVELS)}", ExitCode.USAGE)
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format=_FORMAT)
    if level != "debug":  # each rebalance is several warnings of its; the bus tells what is wrong
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def declared_channels(bus: ActorBus, names: list[str]) -> list[str]:
    """Return the names; raise CommandFailed for those that no channel has.

    A channel that leads on to others may be named: they are consumed.
    """
    known = [channel.name for channel in bus.channels]
    if not set(names) <= set(known):
        known += [routing.name for routing in bus.check().routings]
    unknown = [name for name in names if name not in known]
    if unknown:
        lines = [f"no channel {name!r}{did_you_mean(name, known)}" for name in unknown]
        raise CommandFailed("\n".join(lines), ExitCode.USAGE)
    return names


def show_result(output: Output, report: RunResult, recorder: "Recorder | None" = None) -> None:
    """Print how a run ended, and its recording."""
    if output.as_json:
        recording = {} if recorder is None else {"recording": recorded(recorder)}
        output.document({**as_document(report), **recording})
        return
    output.line(
        f"stopped: {report.reason}; {report.handled} handled, {report.retried} retried,"
        f" {report.dead} dead {'letter' if report.dead == 1 else 'letters'}"
        f" in {readable(report.seconds)}"
    )
    if report.unfinished:
        output.line(f"begun and not finished, ready for others ({len(report.unfinished)}):")
    for one in report.unfinished:
        output.line(f"  {one.copy_id}  {one.endpoint}  message {one.message_id}")
    if recorder is not None:
        show_recorded(output, recorder)
