"""`actorbus supervision`: how endpoints are supervised, and changing it in all processes."""

import getpass
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
import trio
import typer

from actorbus import ActorBus, BusConfigurationError, EndpointSupervision, SupervisionChange
from actorbus.cli._arguments import App, AsJson, Duration, Traceback, duration
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._target import load_with_store

commands = typer.Typer(
    help="Show how endpoints are supervised, change it while they run, and who changed it.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="ENDPOINT", help="An endpoint's id.")]
OneName = Annotated[str, typer.Argument(metavar="[ENDPOINT]", help="This one alone.")]

NO_NUMBER: Final = "none"
FIRST: Final = "--backoff-first-immediate, --no-backoff-first-immediate"
"""The heading of these, whose names no terminal is wide enough for."""
PANELS: Final = {
    "retry": "A message's retries",
    "backoff": "The waits of the endpoint's actor after an outage",
    "max": "Limits",
    "within": "Limits",
    "breaker": "Limits",
}


def _number_or_none(text: str | int) -> int | str:
    """Return a whole number, or "none" as it is: None is for an option that is not given."""
    if text == NO_NUMBER:
        return NO_NUMBER
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a whole number nor {NO_NUMBER!r}") from None


def _seconds(name: str, about: str) -> Any:
    return typer.Option(
        f"--{name}", parser=duration, metavar="DURATION", help=about, rich_help_panel=_panel(name)
    )


def _number(name: str, about: str) -> Any:
    return typer.Option(f"--{name}", help=about, rich_help_panel=_panel(name))


def _count_or_none(name: str, about: str) -> Any:
    return typer.Option(
        f"--{name}",
        parser=_number_or_none,
        metavar="NUMBER|none",
        help=about,
        rich_help_panel=_panel(name),
    )


def _panel(name: str) -> str:
    """Return the heading in `--help` of an option: of narrow ones, names are cut off."""
    return PANELS[name.partition("-")[0]]


@commands.command()
def show(
    app: App, endpoint: OneName = "", *, as_json: AsJson = False, traceback: Traceback = False
) -> None:
    """Show how endpoints are supervised now: as declared, and what was set in place of it."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _show(output, _do(app, lambda bus: bus.supervision.show(endpoint)))


@commands.command(name="set")
def set_command(
    app: App,
    endpoint: Name,
    *,
    retry_attempts: Annotated[
        int | None, _number("retry-attempts", "Tries of a message, the first included.")
    ] = None,
    retry_initial: Annotated[
        Duration | None, _seconds("retry-initial", "Before the second try.")
    ] = None,
    retry_factor: Annotated[
        float | None, _number("retry-factor", "How much longer each is than the one before.")
    ] = None,
    retry_maximum: Annotated[
        Duration | None, _seconds("retry-maximum", "Between two tries, at most.")
    ] = None,
    retry_jitter: Annotated[
        float | None, _number("retry-jitter", "The share by which one is made longer, 0 to 1.")
    ] = None,
    backoff_initial: Annotated[
        Duration | None, _seconds("backoff-initial", "The actor's first wait before a restart.")
    ] = None,
    backoff_factor: Annotated[
        float | None, _number("backoff-factor", "How much longer each wait is than the one before.")
    ] = None,
    backoff_maximum: Annotated[
        Duration | None, _seconds("backoff-maximum", "The longest wait.")
    ] = None,
    backoff_jitter: Annotated[
        float | None, _number("backoff-jitter", "The share by which one is made longer, 0 to 1.")
    ] = None,
    backoff_reset_after: Annotated[
        Duration | None, _seconds("backoff-reset-after", "Quiet time that ends a row of waits.")
    ] = None,
    backoff_first_immediate: Annotated[
        bool | None,
        typer.Option(
            "--backoff-first-immediate/--no-backoff-first-immediate",
            help="Whether the first restart waits for nothing.",
            rich_help_panel=FIRST,
        ),
    ] = None,
    max_restarts: Annotated[
        str | None,
        _count_or_none("max-restarts", "More restarts of the actor restart its channel."),
    ] = None,
    within: Annotated[Duration | None, _seconds("within", "The time of --max-restarts.")] = None,
    breaker: Annotated[
        str | None, _count_or_none("breaker", "Failures in a row that are an outage.")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="As declared again, but for what is given beside it.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who does it; the user, if not given.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it is kept in the history.")] = "",
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Set how an endpoint is supervised, in all processes, until it is reset.

    Nothing is restarted and no message is lost; it counts from the next failure on.
    """
    given = {
        "retry_attempts": retry_attempts,
        "retry_initial": retry_initial,
        "retry_factor": retry_factor,
        "retry_maximum": retry_maximum,
        "retry_jitter": retry_jitter,
        "backoff_initial": backoff_initial,
        "backoff_factor": backoff_factor,
        "backoff_maximum": backoff_maximum,
        "backoff_jitter": backoff_jitter,
        "backoff_reset_after": backoff_reset_after,
        "backoff_first_immediate": backoff_first_immediate,
        "max_restarts": max_restarts,
        "within": within,
        "breaker": breaker,
    }
    settings: Any = {
        name: None if value == NO_NUMBER else value
        for name, value in given.items()
        if value is not None
    }
    with reported(as_json=as_json, show_traceback=traceback) as output:
        if not settings and not reset:
            raise CommandFailed("nothing to set: give an option, or --reset", ExitCode.USAGE)
        settings.update(by=by or _who(), reason=reason)

        def change(bus: ActorBus) -> Awaitable[list[EndpointSupervision]]:
            do = bus.supervision.reset if reset else bus.supervision.set
            return do(endpoint, **settings)

        _show(output, _do(app, change))


@commands.command()
def history(
    app: App,
    endpoint: OneName = "",
    *,
    limit: Annotated[int, typer.Option(min=1, help="So many changes.")] = 100,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Show who changed what, when and why, the newest first."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        changes = _do(app, lambda bus: bus.supervision.history(endpoint, limit=limit))
        if as_json:
            output.document([_change(one) for one in changes])
            return
        output.table(
            "changes of supervision",
            ("when", "endpoint", "by", "before", "then", "reason"),
            (
                (
                    f"{datetime.fromtimestamp(one.changed_at, UTC):%Y-%m-%d %H:%M:%S %Z}",
                    one.endpoint,
                    one.changed_by,
                    _words(_settings(one.old_settings)),
                    _words(_settings(one.new_settings)),
                    one.reason,
                )
                for one in changes
            ),
        )


def _do(app: str, what: Callable[[ActorBus], Awaitable[Any]]) -> Any:
    bus = load_with_store(app)
    bus.check()  # a bus that is declared wrongly is told from what is set wrongly
    try:
        return trio.run(_asked, bus, what)
    except BusConfigurationError as error:
        raise _refused([one.text for one in error.problems]) from None


def _refused(problems: list[str]) -> CommandFailed:
    if len(problems) == 1:
        return CommandFailed(problems[0], ExitCode.USAGE)
    return CommandFailed(f"{len(problems)} problems", ExitCode.USAGE, problems)


async def _asked(bus: ActorBus, what: Callable[[ActorBus], Awaitable[Any]]) -> Any:
    async with bus.looking():
        return await what(bus)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def _show(output: Output, found: list[EndpointSupervision]) -> None:
    if output.as_json:
        output.document([_document(one) for one in found])
        return
    output.table(
        "supervision",
        ("endpoint", "channel", "retry", "backoff", "restarts", "breaker", "set"),
        (
            (
                one.endpoint,
                one.channel,
                _curve(asdict(one.now.retry), f"{one.now.retry.attempts} tries, "),
                _curve(asdict(one.now.backoff)),
                _restarts(one),
                NO_NUMBER if one.now.breaker is None else one.now.breaker,
                _words(one.settings) + (f" (left out: {one.problem})" if one.problem else ""),
            )
            for one in found
        ),
    )


def _curve(curve: dict[str, Any], before: str = "") -> str:
    return f"{before}{curve['initial']:g}-{curve['maximum']:g} s x{curve['factor']:g}"


def _restarts(one: EndpointSupervision) -> str:
    most = one.now.max_restarts
    return "any" if most is None else f"{most} in {one.now.within:g} s"


def _words(settings: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or "-"


def _settings(text: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


def _change(one: SupervisionChange) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(one),
        "old_settings": _settings(one.old_settings),
        "new_settings": _settings(one.new_settings),
    }


def _document(one: EndpointSupervision) -> dict[str, Any]:
    return {
        "endpoint": one.endpoint,
        "channel": one.channel,
        "now": one.now.settings(),
        "declared": one.declared.settings(),
        "settings": dict(one.settings),
        "changed_at": one.changed_at,
        "changed_by": one.changed_by,
        "reason": one.reason,
        "problem": one.problem,
    }
