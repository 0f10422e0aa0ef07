"""Messages, and the handlers that the tests have worker processes run."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from actorbus import BatchFailed, Headers


@dataclass(frozen=True)
class Render:
    path: str = ""
    number: int = 0


@dataclass(frozen=True)
class Rendered:
    path: str


@dataclass(frozen=True)
class GetSize:
    number: int


def render(command: Render) -> tuple[int, int]:
    return command.number * 2, os.getpid()


def note(event: Rendered, headers: Headers) -> None:
    """Leave a line behind: what it got, and how often it was tried."""
    with Path(event.path).open("a") as file:
        file.write(f"{headers['tenant']} {headers.attempt} {os.getpid()}\n")


def leave(event: Rendered) -> None:
    raise SystemExit(3)


def die_once(event: Rendered, headers: Headers) -> None:
    note(event, headers)
    if headers.attempt == 1:
        os._exit(7)


def refuse(event: Rendered) -> None:
    raise ValueError(event.path)


def hang(event: Rendered) -> None:
    Path(event.path).with_suffix(".new").write_text(str(os.getpid()))
    Path(event.path).with_suffix(".new").rename(event.path)
    while True:
        time.sleep(0.01)


def size(query: GetSize) -> int:
    return query.number


def die_at_once(command: Render) -> None:
    os._exit(9)


def note_all(events: list[Rendered], headers: list[Headers]) -> None:
    """Leave a line behind for a batch, and name the one that says so as failed."""
    with Path(events[0].path).open("a") as file:
        file.write(f"{' '.join(its['number'] for its in headers)} {os.getpid()}\n")
    wrong = {
        at: ValueError(its["number"]) for at, its in enumerate(headers) if its["number"] == "2"
    }
    if wrong:
        raise BatchFailed(wrong)


def die_of_one(events: list[Rendered], headers: list[Headers]) -> None:
    """End the process if a message says so, and leave a line behind otherwise."""
    if any(its["number"] == "2" for its in headers):
        os._exit(7)
    note_all(events, headers)
