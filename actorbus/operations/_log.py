"""What the log says about messages and channels, beside what the actors' own failures write.

A failed attempt is a line, and its traceback is kept with the message. A dead letter is an error,
with the traceback where the cause may be a mistake in the handler.
"""

import logging
from types import TracebackType

from actorbus._bus_events import (
    ChannelStalled,
    DeadLetterFailed,
    EndpointHealthy,
    LeaseLost,
    MessageDied,
    MessageDiverted,
    MessageNotProduced,
    MessageRetried,
    MessagesLetGo,
    MessagesParked,
    MessagesTakenBack,
    QueryRejected,
    TicksMissed,
)
from actorbus._own_frames import users_part
from actorbus._settlement import DeadLetterReason
from actors.events import Event, EventStream

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]

logger = logging.getLogger("actorbus")


def log_events(events: EventStream) -> None:
    """Write what a person wants to read of the bus's events to the logger `actorbus`."""
    events.subscribe(
        _log,
        *(MessageRetried, MessageDied, MessageDiverted, EndpointHealthy, QueryRejected),
        *(MessagesTakenBack, LeaseLost, ChannelStalled, TicksMissed),
        *(MessagesParked, MessagesLetGo, DeadLetterFailed, MessageNotProduced),
    )


def _log(event: Event) -> None:
    match event:
        case MessageRetried():
            logger.warning(
                "%s: attempt %d of message %s failed, the next one in %.2f s: %r",
                _endpoint(event),
                event.attempt,
                event.message_id,
                event.delay,
                event.exception,
            )
        case MessageDied() | MessageDiverted() | DeadLetterFailed() | MessageNotProduced():
            _log_end(event)
        case QueryRejected():
            logger.error(
                "%s: query %s failed, its asker was told: %r",
                _endpoint(event),
                event.message_id,
                event.exception,
                exc_info=_from_the_handler(event.exception),
            )
        case EndpointHealthy():
            logger.info("%s: works again", _endpoint(event))
        case MessagesTakenBack():
            text = "%d messages of a process that ended uncleanly are ready again"
            logger.warning(text, event.count)
        case MessagesParked() | MessagesLetGo():
            _log_parking(event)
        case ChannelStalled():
            text = "channel %s claimed nothing for %.0f s and is restarted"
            logger.error(text, event.channel, event.seconds)
        case LeaseLost():
            logger.warning(
                "this process was too slow to keep its lease: others have its messages now,"
                " %d of them had not begun here",
                event.dropped,
            )
        case TicksMissed():
            text = "schedule %s: %d missed ticks are left out, %d are sent (missed=%r)"
            logger.warning(text, event.schedule, event.left_out, event.sent, event.policy)
        case _:
            raise AssertionError(f"not subscribed to: {event!r}")


def _log_parking(event: MessagesParked | MessagesLetGo) -> None:
    if isinstance(event, MessagesParked):
        text = "%d messages for %s are parked: %s. Was it renamed? Then give it aliases="
        logger.warning(text, event.count, event.endpoint, event.reason)
    else:
        logger.info("%d parked messages for %s go on", event.count, event.endpoint)


def _log_end(
    event: MessageDied | MessageDiverted | DeadLetterFailed | MessageNotProduced,
) -> None:
    match event:
        case MessageDied():
            _log_death(event)
        case MessageDiverted():
            _log_diversion(event)
        case DeadLetterFailed():
            text = "%s: the dead letter of message %s cannot be written (final_failure=%r): %s"
            ids = _endpoint(event), event.message_id
            logger.error(text, *ids, event.policy, event.exception)
        case MessageNotProduced():
            text = "%s: message %s is lost, channel %s could not take it after the commit: %r"
            ids = _endpoint(event), event.message_id
            logger.error(text, *ids, event.channel, event.exception)


def _log_diversion(event: MessageDiverted) -> None:
    logger.warning(
        "%s: message %s failed for good, %s after attempt %d, and is in the error channel"
        " %s as %s: %r",
        _endpoint(event),
        event.message_id,
        event.reason,
        event.attempt,
        event.error_channel,
        event.copy_id,
        event.exception,
    )


def _log_death(event: MessageDied) -> None:
    exhausted = event.reason == DeadLetterReason.ATTEMPTS_EXHAUSTED
    logger.error(
        "%s: message %s is a dead letter now, %s after attempt %d, as %s: %r",
        _endpoint(event),
        event.message_id,
        event.reason,
        event.attempt,
        event.copy_id,
        event.exception,
        exc_info=_from_the_handler(event.exception) if exhausted else None,
    )


def _from_the_handler(error: BaseException | None) -> ExceptionInfo | None:
    return None if error is None else (type(error), error, users_part(error.__traceback__))


def _endpoint(
    event: MessageRetried
    | MessageDied
    | MessageDiverted
    | DeadLetterFailed
    | MessageNotProduced
    | EndpointHealthy
    | QueryRejected,
) -> str:
    return f"{event.endpoint} ({event.tenant})" if event.tenant else event.endpoint
