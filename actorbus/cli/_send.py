"""`actorbus send`: one message, or one per line of the standard input."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import trio
import typer

from actorbus import ActorBus
from actorbus.cli._arguments import App, AsJson, Duration, Header, Traceback, duration, header
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._target import load
from actorbus.gateways._gateway import Letter
from actorbus.messages._types import did_you_mean
from actorbus.sending._routing import kind_of


def send(
    app: App,
    type_name: Annotated[
        str, typer.Argument(metavar="TYPE", help="A message type, as `list` shows it.")
    ],
    *,
    body: Annotated[
        str | None,
        typer.Option(help="The message as JSON; without it, each line of stdin is one."),
    ] = None,
    headers: Annotated[
        list[Header] | None,
        typer.Option("--header", parser=header, metavar="NAME=VALUE", help="Repeatable."),
    ] = None,
    delay: Annotated[
        Duration | None,
        typer.Option(parser=duration, metavar="DURATION", help="Due after 5s, 10m, 2h."),
    ] = None,
    message_id: Annotated[
        str | None,
        typer.Option(help="Makes sending again harmless; lines of stdin get -1, -2, ... added."),
    ] = None,
    ordering_key: Annotated[
        str | None,
        typer.Option(help="Its messages are handled in the order of sending, one at a time."),
    ] = None,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Send a command or publish an event: it is stored, or handled, when this ends with 0."""
    options: dict[str, Any] = {"headers": dict(headers or ()), "routing_key": type_name}
    if delay is not None:
        options["delay"] = delay
    if ordering_key is not None:
        options["ordering_key"] = ordering_key
    with reported(as_json=as_json, show_traceback=traceback) as output:
        _refuse_empty(message_id)
        bus = load(app)
        missing = bus.missing_store()
        if missing is not None:
            output.note(f"making a new store: {missing}")
        if body is None:
            letters = _letters(sys.stdin, options, message_id)
            answer = trio.run(_send_many, bus, type_name, letters)
            _show(output, {"type": type_name, "sent": answer})
            return
        if message_id is not None:
            options["message_id"] = message_id
        answer = trio.run(_send_one, bus, type_name, _parsed("the body", body), options)
        _show(output, {"type": type_name, "sent": 1, "result": answer})


def _refuse_empty(message_id: str | None) -> None:
    """Refuse the id of a variable that was not set: each file's lines would be -1, -2, ..."""
    if message_id == "":
        raise CommandFailed("--message-id is empty; give an id, or leave it out", ExitCode.USAGE)


def _letters(
    lines: Iterable[str], options: dict[str, Any], message_id: str | None
) -> Iterator[Letter]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            own = dict(options)
            if message_id is not None:
                own["message_id"] = f"{message_id}-{number}"
            yield Letter(_parsed(f"line {number}", line), **own)


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # too deep, or a number of too many digits
        raise CommandFailed(f"{where} is not JSON: {error}", ExitCode.USAGE) from None


async def _send_one(bus: ActorBus, type_name: str, body: Any, options: dict[str, Any]) -> Any:
    async with bus.running(consume="none"):
        match _kind(bus, type_name):
            case "command":
                return await bus.commands.send(body, **options)
            case "event":
                return await bus.events.publish(body, **options)
            case "query":
                return await bus.queries.ask(body, **options)


async def _send_many(bus: ActorBus, type_name: str, letters: Iterator[Letter]) -> int:
    async with bus.running(consume="none"):
        match _kind(bus, type_name):
            case "command":
                return await bus.commands.send_many(letters)
            case "event":
                return await bus.events.publish_many(letters)
            case "query":
                raise CommandFailed("a query is asked with --body, one at a time", ExitCode.USAGE)


def _kind(bus: ActorBus, type_name: str) -> Literal["command", "event", "query"]:
    """Find out which gateway a type belongs to: its handlers', or an event's if it has none."""
    configuration = bus.check()
    kind = kind_of(type_name, configuration)
    if kind is None or kind == "error":
        hint = did_you_mean(type_name, configuration.types)
        raise CommandFailed(f"no message type {type_name!r}{hint}", ExitCode.REFUSED)
    return kind


def _show(output: Output, answer: dict[str, Any]) -> None:
    if output.as_json:
        output.document(answer)
        return
    output.line(f"sent {answer['sent']} of {answer['type']}")
    if answer.get("result") is not None:
        output.line(str(answer["result"]))
