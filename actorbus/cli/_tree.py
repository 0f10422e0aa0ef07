"""`actorbus tree`: the supervision trees of the processes that run now, as they published them."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import trio
from rich.markup import escape
from rich.tree import Tree

from actorbus import ActorBus
from actorbus._store import ProcessRow
from actorbus.cli._arguments import App, AsJson, Traceback
from actorbus.cli._durations import readable
from actorbus.cli._output import Output, reported
from actorbus.cli._target import load_with_store

Node = Mapping[str, Any]

_STYLES = {"running": "green", "starting": "yellow", "backing off": "yellow", "stopped": "red"}


def tree(app: App, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Show the supervised actors of every running process, with their states and queues."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        now, rows = trio.run(_processes, load_with_store(app))
        if as_json:
            output.document({"processes": [_document(row, now) for row in rows]})
        else:
            _show(output, now, rows)


async def _processes(bus: ActorBus) -> tuple[float, list[ProcessRow]]:
    async with bus.looking():
        rows = await bus.processes()
        return bus.store.now(), [row for row in rows if row.pid != os.getpid()]


def _document(row: ProcessRow, now: float) -> dict[str, Any]:
    return {
        "process_id": row.process_id,
        "bus": row.bus,
        "host": row.host,
        "pid": row.pid,
        "alive": row.alive,
        "running_for": now - row.started_at,
        "snapshot_age": None if row.snapshot_at is None else now - row.snapshot_at,
        **_snapshot(row),
    }


def _snapshot(row: ProcessRow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.snapshot) if row.snapshot else {}
    return found


def _show(output: Output, now: float, rows: Sequence[ProcessRow]) -> None:
    if not rows:
        output.line("no process of this bus is running")
    for row in rows:
        root = Tree(_heading(row, now), guide_style="dim")
        top = _snapshot(row).get("tree")
        if top is None:
            root.add("[dim]has published nothing yet[/]")
        else:
            for child in top["children"]:
                _add(root, child)
        output.stdout.print(root)


def _heading(row: ProcessRow, now: float) -> str:
    name = f"[bold]{escape(row.bus)}[/] process {row.pid} on {escape(row.host)}"
    if not row.alive:
        return f"{name} [red]its lease ran out; what it had is being taken back[/]"
    age = "" if row.snapshot_at is None else f", as of {readable(now - row.snapshot_at)} ago"
    return f"{name} [dim]running for {readable(now - row.started_at)}{age}[/]"


def _add(parent: Tree, node: Node) -> None:
    branch = parent.add(_line(node))
    for child in node.get("children", ()):
        _add(branch, child)


def _line(node: Node) -> str:
    state = node["state"]
    parts = [f"{escape(node['name'])} [{_STYLES.get(state, 'default')}]{escape(state)}[/]"]
    if node["restarts"]:
        parts.append(f"[yellow]{node['restarts']} restarts[/]")
    parts += [f"{name} {count}" for name, count in node.get("counts", {}).items() if count]
    if node.get("note"):
        parts.append(f"[yellow]{escape(node['note'])}[/]")
    return "  ".join(parts)
