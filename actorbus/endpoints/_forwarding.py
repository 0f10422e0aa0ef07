"""The first of two hops: from a gateway's channel to the handler's own.

The copy keeps its ids, headers, priority and the end of its life. Its delay is over: what the
sender or the handler asked for was waited for on the first channel.
"""

from actorbus._store import Claimed, Outgoing
from actorbus.messages._message import new_id
from actorbus.sending._placing import Place


def forwarded(claimed: Claimed, place: Place, now: float) -> Outgoing:
    """Return the copy for the next channel."""
    return Outgoing(
        copy_id=new_id(),
        channel=place.channel,
        endpoint=claimed.endpoint,
        tenant=place.tenant,
        message_id=claimed.message_id,
        type_name=claimed.type_name,
        content_type=claimed.content_type,
        headers=claimed.headers,
        body=claimed.body,
        correlation_id=claimed.correlation_id,
        causation_id=claimed.causation_id,
        timestamp=claimed.timestamp,
        priority=claimed.priority,
        time_to_live=None if claimed.expires_at is None else claimed.expires_at - now,
        deduplication_key=claimed.deduplication_key,
        ordering_key=claimed.ordering_key,
        on_failure=claimed.on_failure,
        forwarded=True,
        parked=place.parked,
    )
