"""Options that one tenant of a channel has of its own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import trio

from actorbus._bus_events import TenantOptionsFailed
from actorbus.declaring._channel import Channel, DynamicChannel
from actorbus.endpoints._surroundings import Surroundings

OWN_OPTIONS = frozenset({"concurrency", "max_in_flight", "retry", "outage"})


def channel_of(bus: Surroundings, channel: Channel, tenant: str, path: str) -> Channel:
    """Return the channel with a tenant's own options; as it is if its function fails."""
    if not isinstance(channel, DynamicChannel) or channel.tenant_options is None or not tenant:
        return channel
    try:
        return _with(channel, channel.tenant_options(tenant) or {})
    except Exception as error:  # noqa: BLE001  told to whoever watches; the channel's own hold
        now = trio.current_time()
        bus.publish(TenantOptionsFailed(path, now, channel.name, tenant, error))
        return channel


def _with(channel: DynamicChannel, given: Mapping[str, Any]) -> DynamicChannel:
    unknown = sorted(given.keys() - OWN_OPTIONS)
    if unknown:
        allowed = ", ".join(sorted(OWN_OPTIONS))
        raise ValueError(f"a tenant has no option {unknown[0]!r} of its own (allowed: {allowed})")
    own = replace(channel, **given)
    problems = list(own.problems())
    if problems:
        raise ValueError("; ".join(problems))
    return own
