"""What fails in a synchronous handler, sent through a gateway that has an error channel."""

from actorbus._settlement import DeadLetterReason, Failed
from actorbus._store import Outgoing, StoreRefused, StoreUnavailable
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._decision import failure_of
from actorbus.gateways._way import Way
from actorbus.messages._message import new_id
from actorbus.sending._publish import Prepared, Press


def error_handler_for(way: Way, error: Exception, press: Press) -> tuple[str, str] | None:
    """Return the channel and the endpoint that get an error of a synchronous handler, if any.

    The store's own trouble is raised to the caller: nothing could be stored.
    """
    channel = way.error_channel
    if channel is None or isinstance(error, StoreUnavailable | StoreRefused):
        return None
    endpoint = press.error_endpoint(channel)
    return None if endpoint is None else (channel, endpoint)


def diverted(
    prepared: Prepared,
    spec: HandlerSpec,
    to: tuple[str, str],
    error: Exception,
    now: float,
) -> Outgoing:
    """Return the message as the error handler `to` gets it, a channel and an endpoint's id."""
    channel, endpoint = to
    failure = failure_of(error, now, 1)
    envelope = prepared.envelope
    return Outgoing(
        copy_id=new_id(),
        channel=channel,
        endpoint=endpoint,
        message_id=envelope.message_id,
        type_name=envelope.type_name,
        content_type=envelope.content_type,
        headers=prepared.headers_text,
        body=envelope.body,
        correlation_id=envelope.correlation_id,
        causation_id=envelope.causation_id or None,
        timestamp=envelope.timestamp,
        failed=Failed(
            channel="",
            endpoint=spec.endpoint_id,
            tenant="",
            reason=DeadLetterReason.ATTEMPTS_EXHAUSTED,
            exception=failure.exception,
            exception_message=failure.message,
            traceback=failure.traceback,
            attempts=1,
            failed_at=now,
            failures=(failure,),
        ),
    )
