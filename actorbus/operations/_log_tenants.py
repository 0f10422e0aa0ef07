"""What the log says about the functions that a program gives its channels, when they fail."""

import logging

from actorbus._bus_events import (
    MessageParked,
    TenantOptionsFailed,
    TenantsNotRefreshed,
    ThrottleFailed,
)
from actors.events import Event, EventStream

logger = logging.getLogger("actorbus")


def log_tenants(events: EventStream) -> None:
    """Write what went wrong, and what was parked, to the logger `actorbus`."""
    events.subscribe(_log, MessageParked, TenantOptionsFailed, TenantsNotRefreshed, ThrottleFailed)


def _log(event: Event) -> None:
    match event:
        case MessageParked():
            text = "%s (%s): message %s is parked, %s"
            logger.warning(text, event.endpoint, event.tenant, event.message_id, event.reason)
        case TenantsNotRefreshed():
            text = "channel %s: tenants= failed, it is asked again in %.0f s: %r"
            logger.warning(text, event.channel, event.delay, event.exception)
        case TenantOptionsFailed():
            text = "channel %s: tenant_options= failed for %s, which has the channel's: %r"
            logger.error(text, event.channel, event.tenant, event.exception)
        case ThrottleFailed():
            text = "channel %s (%s): throttle= failed, it is asked again in %.0f s: %r"
            logger.warning(text, event.channel, event.tenant, event.delay, event.exception)
        case _:
            raise AssertionError(f"not subscribed to: {event!r}")
