"""`actorbus doctor`: what is wrong with configuration, drivers, store, clocks, messages."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import trio
import typer

from actorbus import ActorBus, BusConfigurationError, StoreError
from actorbus._store import OnServer
from actorbus.cli._arguments import App, AsJson, Traceback
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output, reported
from actorbus.cli._target import RUN_MAKES_IT, load
from actorbus.operations._brokers import ask_brokers, look_at_brokers
from actorbus.operations._doctor import (
    Stored,
    look_at_disk,
    look_at_drivers,
    look_at_stored,
)
from actorbus.operations._findings import Finding, Status
from actorbus.operations._server_findings import look_at_server

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.WRONG: "bold red"}


def doctor(
    app: App,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 for warnings too.")] = False,
    as_json: AsJson = False,
    traceback: Traceback = False,
) -> None:
    """Check configuration, drivers, brokers, store, clocks, processes, messages. Code 1: wrong."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        findings = trio.run(_examine, load(app))
        _show(output, findings)
    bad = {Status.WRONG, Status.WARNING} if strict else {Status.WRONG}
    if any(finding.status in bad for finding in findings):
        raise typer.Exit(ExitCode.FAILURE)


async def _examine(bus: ActorBus) -> list[Finding]:
    findings = list(look_at_drivers())
    try:
        configuration = bus.check()
    except BusConfigurationError as error:
        problems = (Finding("configuration", Status.WRONG, str(one)) for one in error.problems)
        return [*findings, *problems]
    text = f"{len(configuration.handlers)} handlers, {len(bus.channels)} channels"
    findings.append(Finding("configuration", Status.OK, text))
    for name in sorted(configuration.outboxes.after_commit):
        text = f"channel {name!r} has outbox=False: at most once from commit to broker"
        findings.append(Finding("channels", Status.WARNING, text))
    findings += look_at_brokers(await ask_brokers(bus.channels, bus.name))
    return [*findings, *await _look_at_store(bus)]


async def _look_at_store(bus: ActorBus) -> list[Finding]:
    missing = bus.missing_store()
    if missing is not None:
        text = f"there is none yet: {missing}; {RUN_MAKES_IT}"
        return [Finding("store", Status.WARNING, text)]
    try:
        async with bus.looking():
            await bus.store.reopen()
            findings = [Finding("store", Status.OK, f"{bus.store!r} can be read and written")]
            path = getattr(bus.store, "path", None)
            if path is not None:
                findings.append(look_at_disk(Path(path)))
            stored = await _stored(bus)
            if isinstance(bus.store, OnServer):
                live = sum(row.alive for row in stored.processes)
                findings += look_at_server(await bus.store.server(), live)
            return [*findings, *look_at_stored(stored)]
    except StoreError as error:
        return [Finding("store", Status.WRONG, f"{type(error).__name__}: {error}")]


async def _stored(bus: ActorBus) -> Stored:
    rows = [row for row in await bus.processes() if row.pid != os.getpid()]
    return Stored(await bus.store.statistics(), rows, await bus.pauses(), bus.store.now())


def _show(output: Output, findings: Sequence[Finding]) -> None:
    if output.as_json:
        output.document({"findings": [asdict(finding) for finding in findings]})
        return
    for one in findings:
        output.stdout.print(f"{one.status:8}", style=_STYLES[one.status], end="")
        output.stdout.print(f" {one.check}: {one.text}", markup=False, soft_wrap=True)
