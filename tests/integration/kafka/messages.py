"""Messages as they wait in an outbox."""

from actorbus._store import Claimed


def message(number, key=None, body=b"body", headers='{"a":"b"}'):
    """Return a message that waits in an outbox."""
    return Claimed(
        sequence=number,
        epoch=1,
        attempts=0,
        suspect=False,
        replays=0,
        priority=0,
        due_at=1.0,
        expires_at=None,
        enqueued_at=1.0,
        copy_id=f"copy-{number}",
        channel="outbox",
        endpoint="broker:kafka",
        tenant="",
        message_id=f"m-{number}",
        type_name="shop.Ordered",
        content_type="application/msgpack",
        correlation_id="c",
        causation_id=None,
        timestamp=1.0,
        deduplication_key=None,
        on_failure=None,
        headers=headers,
        body=body,
        ordering_key=key,
        for_endpoint="bill",
    )
