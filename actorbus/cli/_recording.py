"""A recording around a run from the command line: where it goes, and what is wrong with that."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actorbus import ActorBus
from actorbus.cli import _sizes
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output

if TYPE_CHECKING:
    from actorbus.tuning._recorder import Recorder

RecordTo = Annotated[
    Path | None,
    typer.Option("--record", metavar="FILE", help="Record failures and load for `actorbus tune`."),
]


@contextmanager
def recording(bus: ActorBus, file: Path | None, **options: Any) -> "Iterator[Recorder | None]":
    """Record within the block, if a file is given. Raises CommandFailed if it cannot be made."""
    if file is None:
        yield None
        return
    recorder = bus.record(file, **options)
    try:
        recorder.__enter__()
    except FileExistsError:
        text = f"{file} is there already; name another file, or add --overwrite to `record`"
        raise CommandFailed(text, ExitCode.USAGE) from None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be made: {error.strerror}", ExitCode.USAGE) from None
    try:
        yield recorder
    finally:
        recorder.__exit__(None, None, None)


def recorded(recorder: "Recorder") -> dict[str, Any]:
    """Return what became of a recording that is over, as JSON."""
    assert recorder.outcome is not None  # noqa: S101  # its block is over
    outcome = recorder.outcome
    return {
        "file": str(recorder.path),
        "ending": outcome.ending,
        "events": outcome.events,
        "dropped": outcome.dropped,
        "bytes": outcome.bytes,
        "error": None if outcome.error is None else str(outcome.error),
    }


def show_recorded(output: Output, recorder: "Recorder") -> None:
    """Print what became of a recording that is over."""
    found = recorded(recorder)
    why = {"stopped": "", "limit": ", at its limit", "failed": f": {found['error']}"}
    lost = f", {found['dropped']} more could not be written in time" if found["dropped"] else ""
    output.line(
        f"recorded: {found['events']} events in {found['file']}"
        f" ({_sizes.readable(found['bytes'])}){lost}{why[found['ending']]}"
    )
