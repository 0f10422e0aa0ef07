"""Whom a message is for that this process does not know: another process of the service may.

During a rolling deploy an older process takes from the inbox what only a newer one handles. Each
process says in its snapshot whom it reaches; the older one addresses the copy to that endpoint,
which the newer one takes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from actorbus._store import ProcessRow
from actorbus.declaring._handlers import HandlerSpec
from actorbus.distributed._wire import Reach


class Reached(NamedTuple):
    """An endpoint that other services reach, as a process tells of it."""

    endpoint: str
    kind: str
    key: str


def told(reachable: Iterable[HandlerSpec]) -> Sequence[Reached]:
    """Return what a process tells the others of its service."""
    return [Reached(spec.endpoint_id, spec.kind, spec.type_name) for spec in reachable]


def reached_elsewhere(
    processes: Iterable[ProcessRow], service: str, channel: str, reach: Reach, name: str
) -> Reached | None:
    """Return the endpoint of a live process of the service, on its inbox, that a message is for."""
    for process in processes:
        if process.alive and process.bus == service and process.snapshot is not None:
            document = json.loads(process.snapshot)
            taken = document.get("consumes", {}).get(channel, ())
            for one in _reaches(document):
                wanted = one.endpoint if reach == "message" else one.key
                if wanted == name and one.endpoint in taken and reach in {one.kind, "message"}:
                    return one
    return None


def _reaches(document: Mapping[str, Sequence[Sequence[str]]]) -> Iterable[Reached]:
    return (Reached(*one) for one in document.get("reaches", ()))
