"""`actorbus deadletter`: look at dead letters, mend them, replay or delete them."""

import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, TypeVar

import trio
import typer

from actorbus import ActorBus
from actorbus._settlement import DeadLetterReason
from actorbus._store import DeadLetterFilter, DeadLetterRow
from actorbus.cli import _letters
from actorbus.cli._arguments import App, AsJson, Header, Traceback, header
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._selection import Selection
from actorbus.cli._target import load_with_store
from actorbus.messages._types import did_you_mean
from actorbus.operations._recovery import Preview

T = TypeVar("T")
_SHORTEST_ID = 20
"""Numbers of rows are shorter than this, copy ids are not."""

commands = typer.Typer(
    help="Look at dead letters, mend them, replay or delete them.", no_args_is_help=True
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Copy ids.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The copy id, as `list` shows it.")]
Endpoint = Annotated[str | None, typer.Option(help="Of this endpoint.")]
Channel = Annotated[str | None, typer.Option(help="Of this channel.")]
Type = Annotated[str | None, typer.Option("--type", help="Of this message type.")]
Tenant = Annotated[str | None, typer.Option(help="Of this tenant.")]
Reason = Annotated[str | None, typer.Option(help="Dead for this reason, as `list` shows it.")]
ByHeader = Annotated[
    list[Header] | None,
    typer.Option("--header", parser=header, metavar="NAME=VALUE", help="With this header."),
]
All = Annotated[bool, typer.Option("--all", help="All that the filters match, or simply all.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@commands.command(name="list")
def list_letters(
    app: App,
    *,
    endpoint: Endpoint = None,
    channel: Channel = None,
    type_name: Type = None,
    tenant: Tenant = None,
    reason: Reason = None,
    headers: ByHeader = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100,
    after: Annotated[int, typer.Option(help="The next page: the last number shown.")] = 0,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Show dead letters, oldest first."""
    selection = _selection(
        None,
        headers,
        endpoint=endpoint,
        channel=channel,
        type_name=type_name,
        tenant=tenant,
        reason=reason,
    )
    with reported(as_json=as_json, show_traceback=traceback) as output:

        async def rows(bus: ActorBus) -> tuple[list[DeadLetterRow], int]:
            found = await selection.rows(bus.dead_letters, limit=limit, after=after)
            return found, await selection.count(bus.dead_letters)

        _letters.show_list(output, *_with(app, rows))


@commands.command()
def show(app: App, copy_id: Id, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Show one with its body, headers and the history of its attempts."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _letters.show_one(output, _with(app, lambda bus: bus.dead_letters.show(copy_id)))


@commands.command()
def replay(
    app: App,
    ids: Ids = None,
    *,
    endpoint: Endpoint = None,
    channel: Channel = None,
    type_name: Type = None,
    tenant: Tenant = None,
    reason: Reason = None,
    headers: ByHeader = None,
    every: All = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Send dead letters to their original endpoints again, with new attempts."""
    selection = _selection(
        ids,
        headers,
        endpoint=endpoint,
        channel=channel,
        type_name=type_name,
        tenant=tenant,
        reason=reason,
    )
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _change(app, selection, "replay", output, every=every, yes=yes, dry_run=dry_run)


@commands.command()
def delete(
    app: App,
    ids: Ids = None,
    *,
    endpoint: Endpoint = None,
    channel: Channel = None,
    type_name: Type = None,
    tenant: Tenant = None,
    reason: Reason = None,
    headers: ByHeader = None,
    every: All = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Delete dead letters and their histories for good."""
    selection = _selection(
        ids,
        headers,
        endpoint=endpoint,
        channel=channel,
        type_name=type_name,
        tenant=tenant,
        reason=reason,
    )
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _change(app, selection, "delete", output, every=every, yes=yes, dry_run=dry_run)


@commands.command()
def edit(
    app: App,
    copy_id: Id,
    *,
    body: Annotated[str | None, typer.Option(help="The new body as JSON; - reads stdin.")] = None,
    headers: Annotated[
        list[Header] | None,
        typer.Option("--header", parser=header, metavar="NAME=VALUE", help="Set this header."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Store a body that the endpoint could not take.")
    ] = False,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Mend a dead letter's body or headers, to be replayed afterwards."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        if body is None and not headers:
            raise CommandFailed("nothing to change: give --body or --header", ExitCode.USAGE)
        text = sys.stdin.read() if body == "-" else body

        async def mend(bus: ActorBus) -> DeadLetterRow:
            new = dict(headers or ())
            await _letters.mend(bus.dead_letters, copy_id, text, new, check=not force)
            return await bus.dead_letters.show(copy_id)

        _letters.show_one(output, _with(app, mend))


def _selection(ids: list[str] | None, headers: list[Header] | None, **fields: Any) -> Selection:
    reason = fields["reason"]
    if reason is not None and reason not in set(DeadLetterReason):
        raise typer.BadParameter(f"no reason {reason!r}{did_you_mean(reason, DeadLetterReason)}")
    matching = DeadLetterFilter(copy_ids=tuple(ids) if ids else None, **fields)
    return Selection(matching, dict(headers or ()))


def _change(
    app: str,
    selection: Selection,
    verb: str,
    output: Output,
    *,
    every: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Replay or delete what was selected, after asking where it was not named one by one."""
    if selection.is_everything and not every:
        raise CommandFailed(f"{verb} which ones? give ids, filters or --all", ExitCode.USAGE)
    if dry_run:
        _letters.show_preview(output, verb, _with(app, _previewing(selection)))
        return
    named = selection.matching.copy_ids is not None
    if named or yes:
        _letters.show_change(output, verb, _with(app, _changing(selection, verb)))
        return
    count = _with(app, lambda bus: selection.count(bus.dead_letters))
    _confirm(f"{verb} {count} dead letters?")
    _letters.show_change(output, verb, _with(app, _changing(selection, verb)))


def _previewing(selection: Selection) -> Callable[[ActorBus], Awaitable[Preview]]:
    async def preview(bus: ActorBus) -> Preview:
        return await bus.dead_letters.preview(await selection.narrowed(bus.dead_letters))

    return preview


def _changing(selection: Selection, verb: str) -> Callable[[ActorBus], Awaitable[int]]:
    async def change(bus: ActorBus) -> int:
        matching = await selection.narrowed(bus.dead_letters)
        count: int = await getattr(bus.dead_letters, verb)(matching)
        missing = len(selection.matching.copy_ids or ()) - count
        if missing > 0:
            text = f"{verb}: {count} done, {missing} of the ids are no dead letters that match"
            raise CommandFailed(text + _hint(selection.matching.copy_ids or ()))
        return count

    return change


def _hint(ids: Iterable[str]) -> str:
    """Say what an id is to those who gave the number of a row."""
    numbers = [one for one in ids if one.isdecimal() and len(one) < _SHORTEST_ID]
    return f"; {numbers[0]} is a row's number (for --after), give its id" if numbers else ""


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed(f"{question} add --yes where nobody can be asked", ExitCode.USAGE)
    if not typer.confirm(question, err=True):
        raise CommandFailed("nothing was changed")


def _with(app: str, do: Callable[[ActorBus], Awaitable[T]]) -> T:
    """Open the application's store without consuming, and do something with it."""
    bus = load_with_store(app)

    async def main() -> T:
        async with bus.looking():
            return await do(bus)

    return trio.run(main)
