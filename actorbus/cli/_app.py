"""The commands, put together."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from actorbus.cli._bench import ANY, bench
from actorbus.cli._deadletter import commands as deadletter
from actorbus.cli._doctor import doctor
from actorbus.cli._health import health
from actorbus.cli._list import list_command
from actorbus.cli._pause import pause, resume
from actorbus.cli._record import record
from actorbus.cli._run import run
from actorbus.cli._schedule import commands as schedule
from actorbus.cli._send import send
from actorbus.cli._store import commands as store
from actorbus.cli._supervision import commands as supervision
from actorbus.cli._tree import tree
from actorbus.cli._tune import tune

app = typer.Typer(
    name="actorbus",
    help="Run an ActorBus application, look into it, and mend what failed.",
    epilog="Exit codes and every command in full: docs/operations.md",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command(name="list")(list_command)
app.command()(tree)
app.command()(send)
app.command()(pause)
app.command()(resume)
app.command()(record)
app.command()(health)
app.command()(doctor)
app.command(context_settings=ANY)(bench)
app.command()(tune)
app.add_typer(deadletter, name="deadletter")
app.add_typer(schedule, name="schedule")
app.add_typer(store, name="store")
app.add_typer(supervision, name="supervision")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # the way typer calls it
    if wanted:
        typer.echo(f"actorbus {_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return version("actorbus")
    except PackageNotFoundError:
        return "(a checkout that is not installed)"


@app.callback()
def options(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Take the options that come before a command."""
