"""`actorbus record`: consume as `actorbus run` does, and write what fails to a trace file."""

from pathlib import Path
from typing import Annotated

import typer

from actorbus import Limits
from actorbus.cli._arguments import App, AsJson, Duration, Traceback, duration, memory
from actorbus.cli._output import reported
from actorbus.cli._recording import recording
from actorbus.cli._run import declared_channels, log_to_stderr, run_bus, show_result
from actorbus.cli._target import load


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
        show_result(output, result, recorder)
