"""Start-up checks of handlers against each other: messages and endpoint ids have one owner."""

from collections.abc import Iterable

from actorbus.configuration._problems import Problems
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.schedules._tick import Tick

WITH_ARTICLE: dict[Kind, str] = {
    "command": "a command",
    "event": "an event",
    "query": "a query",
    "error": "an error",
}


def check_one_handler_each(handlers: Iterable[HandlerSpec], problems: Problems) -> None:
    """Note commands and queries with two handlers, and messages of two kinds."""
    first: dict[tuple[Kind, str], HandlerSpec] = {}
    kinds: dict[str, HandlerSpec] = {}
    for spec in handlers:
        if spec.route_by == "pattern" or not spec.type_name:
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
    """Note endpoint ids that two handlers have, and aliases that are another's id or alias."""
    handlers = [spec for spec in handlers if spec.endpoint_id]
    ids: dict[str, HandlerSpec] = {}
    for spec in handlers:
        other = ids.setdefault(spec.endpoint_id, spec)
        if other is not spec:
            option = "name" if spec.message_type is Tick else "endpoint_id"
            text = f"endpoint id {spec.endpoint_id!r} is taken by {other.where}; give {option}="
            problems.add(spec.where, text)
    aliases: dict[str, HandlerSpec] = {}
    for spec in handlers:
        for alias in spec.aliases:
            if ids.get(alias, spec) is not spec:
                text = f"alias {alias!r} is the endpoint id of {ids[alias].where}"
                problems.add(spec.where, text)
            other = aliases.setdefault(alias, spec)
            if other is not spec:
                problems.add(spec.where, f"alias {alias!r} is an alias of {other.where} too")
