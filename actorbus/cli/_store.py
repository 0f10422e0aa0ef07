"""`actorbus store`: which version its tables are of, and what brings them up to date."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import trio
import typer

from actorbus._store import Migrating, Migration, StoreRefused, Tables
from actorbus.cli._arguments import AsJson, Traceback
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._sizes import readable
from actorbus.cli._target import load

commands = typer.Typer(
    help="Say which version a store's tables are of; make and migrate them.", no_args_is_help=True
)

AppOrUrl = Annotated[
    str,
    typer.Argument(
        metavar="APP", help="MODULE:BUS, such as shop:bus; or a store's URL, sqlite:///shop.db."
    ),
]


@commands.command()
def status(app: AppOrUrl, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Show version, pending migrations, tables and sizes. Code 1: `migrate` has something to do.

    Nothing is changed. Code 5: the store cannot be read, or is too new for this actorbus.
    """
    with reported(as_json=as_json, show_traceback=traceback) as output:
        found = trio.run(_target(app).tables)
        if as_json:
            output.document({**msgspec.to_builtins(found), "state": _state(found)})
        else:
            _show(output, found)
    if found.found is not None and found.found > found.wanted:
        raise typer.Exit(ExitCode.STORE)
    if found.pending:
        raise typer.Exit(ExitCode.FAILURE)


@commands.command()
def migrate(app: AppOrUrl, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Make the tables, or bring them to the version of this actorbus, in one transaction.

    Any number of processes may do so at once. Code 5, with nothing changed: the tables are too new,
    or too old for the scripts that are there, or the store cannot be written.
    """
    with reported(as_json=as_json, show_traceback=traceback) as output:
        done = trio.run(_target(app).migrate)
        if as_json:
            output.document(msgspec.to_builtins(done))
        else:
            output.line(_words(done))


def _target(app: str) -> Migrating:
    """Return the store that a URL names, or that of the bus."""
    if "://" not in app:
        return load(app).tables()
    from actorbus.stores import open_store  # noqa: PLC0415  no store's module before it is used

    try:
        store = open_store(app)
    except ValueError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None
    if not isinstance(store, Migrating):
        raise StoreRefused(f"{store!r} keeps no tables that could be migrated")
    return store


def _state(tables: Tables) -> str:
    if tables.found is None:
        return "no tables"
    if tables.found > tables.wanted:
        return "too new"
    return "to be migrated" if tables.pending else "up to date"


def _show(output: Output, tables: Tables) -> None:
    found = "none" if tables.found is None else tables.found
    output.line(f"store    {tables.store}")
    output.line(f"version  {found}, this actorbus works with {tables.wanted}: {_state(tables)}")
    if tables.migrated_at is not None:
        output.line(f"since    {_shown(tables.migrated_at)}")
    for name in tables.pending:
        output.line(f"pending  {name}")
    output.line(f"size     {readable(tables.bytes)}")
    if tables.tables:
        columns, rows = _columns(tables)
        output.table("tables", columns, rows, right=len(columns) - 1)


def _columns(tables: Tables) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """Return names and rows; dead rows and sizes where the database knows of them."""
    if all(one.bytes is None for one in tables.tables):
        return ("table", "rows"), [(one.name, one.rows) for one in tables.tables]
    rows = [(one.name, one.rows, one.dead_rows, readable(one.bytes or 0)) for one in tables.tables]
    return ("table", "rows", "dead rows", "size"), rows


def _words(done: Migration) -> str:
    if not done.scripts:
        return f"version {done.after}: nothing to do"
    before = "no tables" if done.before is None else f"version {done.before}"
    return f"{before} -> version {done.after} ({', '.join(done.scripts)})"


def _shown(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
