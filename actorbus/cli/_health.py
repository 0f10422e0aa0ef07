"""`actorbus health`: does a worker of this bus live? For the probes of containers and the like."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import trio
import typer

from actorbus import ActorBus, ProcessRow
from actorbus.cli._arguments import App, AsJson, Duration, Traceback, duration
from actorbus.cli._durations import readable
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._target import load_with_store

LONGEST_SILENCE = 30.0
"""Seconds after which a process that has published nothing of itself does not count as living."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a process's row says of its life."""

    pid: int
    host: str
    lives: bool
    text: str


def health(
    app: App,
    *,
    pid: Annotated[int | None, typer.Option(help="This process alone.")] = None,
    any_host: Annotated[
        bool, typer.Option("--any-host", help="Those on other hosts (containers) as well.")
    ] = False,
    max_age: Annotated[
        Duration,
        typer.Option(parser=duration, metavar="DURATION", help="How long ago it may have spoken."),
    ] = LONGEST_SILENCE,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Say whether a worker of this bus lives on this host. Code 0: one does; 1: none."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        now, rows = trio.run(_processes, load_with_store(app))
        host = None if any_host else socket.gethostname()
        signs = [_sign(row, now, max_age) for row in rows if _is_meant(row, pid, host)]
        _show(output, signs)
    if not any(sign.lives for sign in signs):
        raise typer.Exit(ExitCode.FAILURE)


async def _processes(bus: ActorBus) -> tuple[float, list[ProcessRow]]:
    async with bus.looking():
        rows = [row for row in await bus.processes() if row.bus == bus.name]
        return bus.store.now(), [row for row in rows if row.pid != os.getpid()]


def _is_meant(row: ProcessRow, pid: int | None, host: str | None) -> bool:
    return pid in {None, row.pid} and host in {None, row.host}


def _sign(row: ProcessRow, now: float, max_age: float) -> Sign:
    age = now - (row.started_at if row.snapshot_at is None else row.snapshot_at)
    if not row.alive:
        return Sign(row.pid, row.host, lives=False, text="its lease has run out")
    if age > max_age:
        return Sign(row.pid, row.host, lives=False, text=f"has said nothing for {readable(age)}")
    return Sign(row.pid, row.host, lives=True, text=f"lives, and said so {readable(age)} ago")


def _show(output: Output, signs: Sequence[Sign]) -> None:
    if output.as_json:
        document: dict[str, Any] = {
            "lives": any(sign.lives for sign in signs),
            "processes": [
                {"pid": s.pid, "host": s.host, "lives": s.lives, "text": s.text} for s in signs
            ],
        }
        output.document(document)
    for sign in signs:
        output.line(f"process {sign.pid} on {sign.host} {sign.text}")
    if not signs:
        output.line("no process of this bus is running here")
