"""`actorbus schedule`: what ticks when, and a tick by hand."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import trio
import typer

from actorbus import ActorBus, ScheduleNotFound, ScheduleState
from actorbus.cli._arguments import App, AsJson, Traceback
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._target import load_with_store

commands = typer.Typer(
    help="List schedules; send a tick by hand; pause, resume and delete.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A schedule, as `list` shows it.")]


@commands.command(name="list")
def list_command(app: App, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Show all schedules: when they tick, when next, when last, and who sends the ticks."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        bus = load_with_store(app)
        states = trio.run(_asked, bus, bus.schedules.list)
        if as_json:
            output.document([_document(state) for state in states])
        else:
            _show(output, states)


@commands.command()
def run(app: App, name: Name, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Send one tick now, beside the planned ones; a worker handles it."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        message_id = _do(app, lambda bus: bus.schedules.run(name))
        _say(output, {"schedule": name, "message_id": message_id}, f"sent a tick of {name}")


@commands.command()
def pause(app: App, name: Name, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Let a schedule not tick until it is resumed, in all processes."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _do(app, lambda bus: bus.schedules.pause(name))
        _say(output, {"schedule": name, "paused": True}, f"paused {name}")


@commands.command()
def resume(app: App, name: Name, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Let a schedule tick again, from now on."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _do(app, lambda bus: bus.schedules.resume(name))
        _say(output, {"schedule": name, "paused": False}, f"resumed {name}")


@commands.command()
def delete(app: App, name: Name, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Forget what is stored of a schedule; one that is declared is planned anew."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _do(app, lambda bus: bus.schedules.delete(name))
        _say(output, {"schedule": name, "deleted": True}, f"deleted {name}")


def _do(app: str, what: Callable[[ActorBus], Awaitable[Any]]) -> Any:
    bus = load_with_store(app)
    try:
        return trio.run(_asked, bus, lambda: what(bus))
    except ScheduleNotFound as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from None


async def _asked(bus: ActorBus, what: Callable[[], Awaitable[Any]]) -> Any:
    async with bus.looking():
        return await what()


def _say(output: Output, document: dict[str, Any], text: str) -> None:
    if output.as_json:
        output.document(document)
    else:
        output.line(text)


def _document(state: ScheduleState) -> dict[str, Any]:
    times = {"next_at": state.next_at, "last_at": state.last_at}
    return {**asdict(state), **{name: time and time.isoformat() for name, time in times.items()}}


def _show(output: Output, states: list[ScheduleState]) -> None:
    output.table(
        "schedules",
        ("schedule", "when", "zone", "next", "last", "missed", "channel", "sent by", "status"),
        (
            (
                state.name,
                state.when,
                state.zone,
                _shown(state.next_at),
                _shown(state.last_at),
                state.missed,
                state.channel,
                ", ".join(state.taken_by) or "nobody",
                state.status,
            )
            for state in states
        ),
    )


def _shown(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S %Z}"
