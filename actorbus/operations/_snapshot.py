"""The live supervision tree as JSON, which a process writes beside its lease."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import msgspec

from actorbus.channels._desk import Endpoint
from actorbus.distributed._elsewhere import Reached
from actorbus.endpoints._workload import Counts
from actors import ActorSnapshot, ActorSystem

_COUNTS = tuple(field.name for field in fields(Counts))

MOST_CHILDREN = 200
"""How many children of one actor are written; the others are counted in its note."""


def snapshot_text(
    system: ActorSystem,
    endpoints: Iterable[Endpoint],
    consumes: Mapping[str, Sequence[str]],
    reaches: Sequence[Reached] = (),
) -> str:
    """Return the tree as JSON text: name, state, restarts, counts, note and children of each actor.

    The counts of an endpoint's actor are those of its messages. `consumes` are the endpoint ids
    whose messages the process takes, by channel; `reaches` are those that other services reach.
    """
    by_path = {endpoint.workload.plan.path: endpoint for endpoint in endpoints}
    tree = system.tree()
    children = [_node(child, by_path) for child in tree.children]
    document: dict[str, Any] = {
        "consumes": consumes,
        "tree": {"name": tree.name, "children": children},
    }
    if reaches:
        document["reaches"] = reaches
    return msgspec.json.encode(document).decode()


def _counts(endpoint: Endpoint) -> dict[str, int]:
    workload = endpoint.workload
    return {
        **{name: getattr(workload.counts, name) for name in _COUNTS},
        "running": len(workload.running),
        "in_flight": workload.held,
        "outages": workload.outage.outages,
        **({} if workload.flow is None else {"concurrency": workload.concurrency}),
    }


def _node(actor: ActorSnapshot, endpoints: Mapping[str, Endpoint]) -> dict[str, Any]:
    details, endpoint = actor.details, endpoints.get(actor.path)
    shown = actor.children[:MOST_CHILDREN]
    return {
        "name": actor.name,
        "kind": details.get("kind", "supervisor"),
        "state": str(actor.state.value),
        "restarts": actor.restarts,
        "mailbox": actor.mailbox.waiting,
        "counts": _numbers(details) if endpoint is None else _counts(endpoint),
        "note": _note(actor, details),
        "children": [_node(child, endpoints) for child in shown],
    }


def _numbers(details: Mapping[str, object]) -> dict[str, int]:
    return {name: value for name, value in details.items() if isinstance(value, int)}


def _note(actor: ActorSnapshot, details: Mapping[str, object]) -> str:
    hidden = len(actor.children) - MOST_CHILDREN
    parts = [f"{hidden} more"] if hidden > 0 else []
    if details.get("health") not in {None, "healthy"}:
        parts.append(str(details["health"]))
    if details.get("paused"):
        parts.append(str(details["paused"]))
    if details.get("note"):
        parts.append(str(details["note"]))
    if details.get("error"):
        parts.append(str(details["error"]))
    return ", ".join(parts)
