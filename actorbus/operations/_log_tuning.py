"""What the log says about recordings, and about supervision that is changed while a bus runs."""

import logging

from actorbus._bus_events import RecordingEnded, SupervisionChanged, SupervisionLeftOut
from actors.events import Event, EventStream

logger = logging.getLogger("actorbus")


def log_tuning(events: EventStream) -> None:
    """Write what a person wants to read of them to the logger `actorbus`."""
    events.subscribe(_log, RecordingEnded, SupervisionChanged, SupervisionLeftOut)


def _log(event: Event) -> None:
    match event:
        case RecordingEnded(error=None):
            logger.info(
                "recording %s is full: %d events; the bus goes on", event.file, event.events
            )
        case RecordingEnded():
            text = "recording %s ended after %d events, its file cannot be written: %s"
            logger.error(text, event.file, event.events, event.error)
        case SupervisionChanged():
            text = "%s: supervision set by %s: %s in place of %s%s"
            why = f" ({event.reason})" if event.reason else ""
            logger.warning(text, event.endpoint, event.changed_by, event.new, event.old, why)
        case SupervisionLeftOut():
            text = "%s: the supervision that %s set does not go with what is declared: %s"
            logger.error(text, event.endpoint, event.changed_by, event.error)
        case _:
            raise AssertionError(f"not subscribed to: {event!r}")
