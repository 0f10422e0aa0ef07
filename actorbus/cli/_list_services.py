"""The part of `actorbus list` about other services: who reaches what here, and where they are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actorbus._store import QueueStatistics
from actorbus.cli._output import Output
from actorbus.distributed._distribution import Distribution
from actorbus.distributed._service_map import ServiceMap


def document(
    distribution: Distribution, queues: Iterable[QueueStatistics], counts: Sequence[str]
) -> dict[str, Any]:
    """Return it for `--json`."""
    return {
        "service": distribution.service,
        "inboxes": list(distribution.inboxes),
        "endpoints": [
            {"endpoint": name, **_totals(queues, name, counts)} for name in _own(distribution)
        ],
        "reachable": [
            {"key": spec.type_name, "kind": spec.kind, "endpoint": spec.endpoint_id}
            for spec in distribution.reachable
        ],
        "maps": [_map_document(one) for one in distribution.maps.values()],
        "gateways": [
            {
                "name": gateway.__qualname__,
                "service_map": gateway.service_map,
                "channel": gateway.channel,
            }
            for gateway in distribution.gateways
        ],
    }


def _map_document(one: ServiceMap) -> dict[str, Any]:
    return {
        "name": one.name,
        "services": [
            {"service": service, "channel": channel, "events": list(one.keys_of(service))}
            for service, channel in one.pairs
        ],
    }


def show(
    output: Output,
    distribution: Distribution,
    queues: Iterable[QueueStatistics],
    counts: Sequence[str],
) -> None:
    """Show what there is of it, as tables."""
    queues = list(queues)
    if own := _own(distribution):
        output.table(
            f"what the service {distribution.service!r} receives and passes on",
            ("endpoint", *counts),
            ((name, *_totals(queues, name, counts).values()) for name in own),
            right=len(counts),
        )
    if distribution.reachable:
        output.table(
            "reached by other services",
            ("key", "kind", "endpoint"),
            ((one.type_name, one.kind, one.endpoint_id) for one in distribution.reachable),
        )
    if distribution.maps:
        output.table(
            "service maps",
            ("map", "service", "channel", "events"),
            (
                (one.name, service, channel, ", ".join(one.keys_of(service)))
                for one in distribution.maps.values()
                for service, channel in one.pairs
            ),
        )
    if distribution.gateways:
        output.table(
            "gateways to other services",
            ("gateway", "map", "channel"),
            (
                (one.__qualname__, one.service_map, one.channel or "(the service's)")
                for one in distribution.gateways
            ),
        )


def _own(distribution: Distribution) -> list[str]:
    return sorted(distribution.endpoint_ids())


def _totals(
    queues: Iterable[QueueStatistics], endpoint: str, counts: Sequence[str]
) -> Mapping[str, int]:
    own = [queue for queue in queues if queue.endpoint == endpoint]
    return {count: sum(getattr(queue, count) for queue in own) for count in counts}
