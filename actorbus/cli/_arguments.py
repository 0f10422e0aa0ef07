"""The arguments and options that several commands share."""

from collections.abc import Callable
from typing import Annotated, NamedTuple, TypeVar

import typer

from actorbus.cli import _durations, _sizes

T = TypeVar("T")


def _checked(parse: Callable[[str], T]) -> Callable[[str | T], T]:
    """Make a parser for typer, which wants its own error and hands over defaults as they are."""

    def parser(value: str | T) -> T:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parser


class Header(NamedTuple):
    """One `name=value`. A class of its own: typer takes no list of `tuple[str, str]`."""

    name: str
    value: str


def _header(text: str) -> Header:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"{text!r} is not name=value")
    return Header(name.strip(), value)


Duration = float

duration = _checked(_durations.seconds)
memory = _checked(_sizes.size)
header = _checked(_header)

App = Annotated[
    str,
    typer.Argument(metavar="APP", help="MODULE:BUS, such as shop:bus; shop:make_bus() is called."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Traceback = Annotated[bool, typer.Option("--traceback", help="Show where an error was raised.")]
