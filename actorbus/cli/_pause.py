"""`actorbus pause` and `actorbus resume`: rows in the store, which running processes heed."""

from dataclasses import asdict
from typing import Annotated

import trio
import typer

from actorbus import ActorBus, Pause
from actorbus.cli._arguments import App, AsJson, Duration, Traceback, duration
from actorbus.cli._durations import readable
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import reported
from actorbus.cli._target import load_with_store
from actorbus.messages._types import did_you_mean

Channel = Annotated[str, typer.Argument(help="The channel whose messages are to wait.")]
Endpoint = Annotated[str, typer.Option(help="Of this endpoint alone, by its id.")]


def pause(
    app: App,
    channel: Channel,
    *,
    endpoint: Endpoint = "",
    period: Annotated[
        Duration | None,
        typer.Option("--for", parser=duration, metavar="DURATION", help="End after 10m, 2h."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Shown wherever the pause is.")] = "",
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Have no process take messages of a channel; sending goes on, what was begun is finished."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        bus = load_with_store(app)
        _check_name(bus, channel)
        found = trio.run(_pause, bus, channel, endpoint, period, reason)
        output.line(f"{_named(channel, endpoint)} paused{_until(found)}")
        if as_json:
            output.document(asdict(found))


def resume(
    app: App,
    channel: Channel,
    *,
    endpoint: Endpoint = "",
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """End a pause. Code 1 if none of that name holds."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        bus = load_with_store(app)
        _check_name(bus, channel)
        if not trio.run(_resume, bus, channel, endpoint):
            raise CommandFailed(f"{_named(channel, endpoint)} is not paused")
        output.line(f"{_named(channel, endpoint)} goes on")
        if as_json:
            output.document({"resumed": {"channel": channel, "endpoint": endpoint}})


async def _pause(
    bus: ActorBus, channel: str, endpoint: str, period: float | None, reason: str
) -> Pause:
    async with bus.looking():
        await bus.pause(channel, endpoint=endpoint, for_=period, reason=reason)
        found = [one for one in await bus.pauses() if one.channel == channel]
        return next(one for one in found if one.endpoint == endpoint)


async def _resume(bus: ActorBus, channel: str, endpoint: str) -> bool:
    async with bus.looking():
        return await bus.resume(channel, endpoint=endpoint)


def _check_name(bus: ActorBus, channel: str) -> None:
    known = [one.name for one in bus.channels]
    if channel not in known:
        raise CommandFailed(f"no channel {channel!r}{did_you_mean(channel, known)}", ExitCode.USAGE)


def _named(channel: str, endpoint: str) -> str:
    """Return the words for what is paused."""
    return f"{endpoint} on {channel}" if endpoint else channel


def _until(pause: Pause) -> str:
    """Return for how long something is paused, and why."""
    time = (
        "" if pause.until is None else f" for {readable(round(pause.until - pause.paused_at, 3))}"
    )
    return f"{time}: {pause.reason}" if pause.reason else time
