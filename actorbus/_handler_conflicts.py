"""Start-up checks of handlers against each other: messages and endpoint ids have one owner."""

from collections.abc import Iterable

from actorbus._handlers import HandlerSpec, Kind
from actorbus._problems import Problems

WITH_ARTICLE: dict[Kind, str] = {"command": "a command", "event": "an event", "query": "a query"}


def check_one_handler_each(handlers: Iterable[HandlerSpec], problems: Problems) -> None:
    """Note commands and queries with two handlers, and messages of two kinds."""
    first: dict[tuple[Kind, str], HandlerSpec] = {}
    kinds: dict[str, HandlerSpec] = {}
    for spec in handlers:
        if spec.route_by == "pattern":
            continue
        name, where = spec.type_name, spec.where
        of_kind = kinds.setdefault(name, spec)
        if of_kind.kind != spec.kind:
            there = f"{WITH_ARTICLE[of_kind.kind]} at {of_kind.where}"
            problems.add(where, f"{name!r} is {WITH_ARTICLE[spec.kind]} here and {there}")
        other = first.setdefault((spec.kind, name), spec)
        if spec.kind != "event" and other is not spec:
            problems.add(where, f"two handlers of the {spec.kind} {name!r}: also {other.where}")


def check_endpoint_ids(handlers: Iterable[HandlerSpec], problems: Problems) -> None:
    """Note endpoint ids and aliases that two handlers have."""
    taken: dict[str, HandlerSpec] = {}
    for spec in handlers:
        for name in (spec.endpoint_id, *spec.aliases):
            other = taken.setdefault(name, spec)
            if other is not spec:
                text = f"endpoint id {name!r} is taken by {other.where}; give endpoint_id="
                problems.add(spec.where, text)
