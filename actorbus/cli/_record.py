"""`actorbus record`: consume as `actorbus run` does, and write what fails to a trace file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actorbus import Limits
from actorbus.cli import _sizes
from actorbus.cli._arguments import App, AsJson, Duration, Traceback, duration, memory
from actorbus.cli._consume import as_json as as_document
from actorbus.cli._output import Output, reported
from actorbus.cli._recording import recording
from actorbus.cli._run import declared_channels, log_to_stderr, run_bus, show_result
from actorbus.cli._target import load

if TYPE_CHECKING:
    from actorbus.tuning._recorder import Recorder


def record(
    app: App,
    channels: Annotated[
        list[str] | None, typer.Argument(help="Channels to consume; all if none is named.")
    ] = None,
    *,
    output_file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The trace file to be made.")
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Stop when nothing is ready or due.")
    ] = False,
    period: Annotated[
        Duration | None,
        typer.Option("--for", parser=duration, metavar="DURATION", help="Stop after 10m, 2h."),
    ] = None,
    max_events: Annotated[
        int, typer.Option(min=1, help="Record at most this many events.")
    ] = 1_000_000,
    max_size: Annotated[
        int, typer.Option(parser=memory, metavar="SIZE", help="Write at most 100MB.")
    ] = "100MB",  # type: ignore[assignment]  # typer hands it to the parser
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Consume channels as `run` does, and record failures and load, without payloads.

    Stops at SIGTERM, SIGINT, or after --for or --once. At --max-events, at --max-size, or when
    the disk is full, the recording ends and the bus goes on.
    """
    with reported(as_json=as_json, show_traceback=traceback) as output:
        log_to_stderr(log_level)
        bus = load(app)
        chosen = declared_channels(bus, channels or [])
        options = {"max_events": max_events, "max_size": max_size, "overwrite": overwrite}
        with recording(bus, output_file, **options) as recorder:
            result = run_bus(bus, chosen, Limits(seconds=period, idle=once), output)
        if output.as_json:
            output.document({**as_document(result), "recording": _document(recorder)})
            return
        show_result(output, result)
        _show(output, recorder)


def _document(recorder: "Recorder | None") -> dict[str, Any]:
    assert recorder is not None and recorder.outcome is not None  # noqa: S101, PT018  its block is over
    outcome = recorder.outcome
    return {
        "file": str(recorder.path),
        "ending": outcome.ending,
        "events": outcome.events,
        "dropped": outcome.dropped,
        "bytes": outcome.bytes,
        "error": None if outcome.error is None else str(outcome.error),
    }


def _show(output: Output, recorder: "Recorder | None") -> None:
    found = _document(recorder)
    why = {"stopped": "", "limit": ", at its limit", "failed": f": {found['error']}"}
    lost = f", {found['dropped']} more could not be written in time" if found["dropped"] else ""
    output.line(
        f"recorded: {found['events']} events in {found['file']}"
        f" ({_sizes.readable(found['bytes'])}){lost}{why[found['ending']]}"
    )
