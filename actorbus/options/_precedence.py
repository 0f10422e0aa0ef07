"""Where each delivery option may be said, and whose wish counts. Pure.

Rules: (1) the most specific place wins: the message, its gateway, the handler, the handler's own
channel, and last the gateway's channel, where that is a hop on the way; (2) each option is found
for itself, `delay` and `deliver_at` being one; (3) 0 is a wish, and only None leaves it to the next
place; (4) the retries and the time limit of a message travel with it (`_failure_policy`), and come
before what is planned for its endpoint (`endpoints/_plan`).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.options._options import as_seconds
from actorbus.options._timing import Timing, due_by

PLACES: Final = ("message", "gateway", "handler", "channel")
"""From the most specific to the least."""

ALLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "delay": frozenset(PLACES),
        "deliver_at": frozenset({"message"}),
        "priority": frozenset(PLACES),
        "time_to_live": frozenset(PLACES),
        "deduplicate": frozenset({"gateway", "handler", "channel"}),
        "ordering_key": frozenset(PLACES),
        "retry": frozenset(PLACES),
        "error_channel": frozenset({"gateway", "handler", "channel"}),
        "timeout": frozenset(PLACES),
        "endpoint_id": frozenset({"handler"}),
        "aliases": frozenset({"handler"}),
    }
)
"""Which option may be said where; docs/delivery-options.md shows it."""

LEFT_TO_CHANNELS: Final = (
    "delay",
    "priority",
    "time_to_live",
    "deduplicate",
    "ordering_key",
    "timeout",
)
"""What a handler that says nothing of it has from its channel."""

_SPANS: Final = frozenset({"time_to_live", "timeout"})


def on_channel(spec: HandlerSpec, channel: Channel) -> HandlerSpec:
    """Return a handler with what it leaves to a channel filled in.

    Asked for its own channel first, and for a gateway's then, the own one comes before that.
    """
    found: dict[str, Any] = {}
    for name in LEFT_TO_CHANNELS:
        value = getattr(channel, name, None)
        if value is not None and getattr(spec, name) is None:
            found[name] = as_seconds(value) if name in _SPANS else value
    return replace(spec, **found) if found else spec


def timing_of(spec: HandlerSpec) -> Timing:
    """Return what a handler, its channels' wishes filled in, wants for its copies."""
    return due_by(spec.delay, priority=spec.priority, life=spec.time_to_live)


def first(wish: Timing, default: Timing) -> Timing:
    """Return the timing in which each thing is the wish's, or if that has none the default's."""
    due = wish if wish.has_due_time else default
    return Timing(
        due.delay,
        due.deliver_at,
        default.priority if wish.priority is None else wish.priority,
        default.time_to_live if wish.time_to_live is None else wish.time_to_live,
        due.rule,
    )
