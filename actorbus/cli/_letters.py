"""How dead letters are shown and mended."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import asdict

from actorbus._store import DeadLetterGroup, DeadLetterRow
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import Output
from actorbus.codecs import codec_for
from actorbus.messages._options import MAX_MESSAGE_BYTES
from actorbus.operations._recovery import Preview, Replayed

_SHOWN = 1_000
"""How many bytes of a body that cannot be shown are shown."""

_ONLY_SHOWN = frozenset({"body", "failures"})

_GROUPS = ("count", "endpoint", "channel", "type", "reason", "error", "oldest", "newest")

_LIST = ("number", "id", "endpoint", "tenant", "type", "reason", "error", "died", "attempts")


def show_list(output: Output, rows: Sequence[DeadLetterRow], total: int) -> None:
    """Show a page of dead letters, and how many there are in all."""
    if output.as_json:
        output.document({"total": total, "dead_letters": [_in_list(row) for row in rows]})
        return
    output.table(f"dead letters: {len(rows)} of {total}", _LIST, map(_line, rows), right=1)


def _in_list(row: DeadLetterRow) -> dict[str, Any]:
    """Return what a list knows: neither the body nor the attempts."""
    return {name: value for name, value in as_json(row).items() if name not in _ONLY_SHOWN}


def _line(row: DeadLetterRow) -> tuple[object, ...]:
    error = f"{row.exception}: {row.exception_message}" if row.exception else ""
    return (
        row.number,
        row.copy_id,
        row.endpoint,
        row.tenant,
        row.type_name,
        row.reason,
        error,
        moment(row.died_at),
        row.attempts,
    )


def show_one(output: Output, row: DeadLetterRow) -> None:
    """Show everything that is known about one."""
    if output.as_json:
        output.document(as_json(row))
        return
    for name, value in as_json(row).items():
        if name not in {"failures", "traceback", "body", "headers"}:
            output.line(f"{name:18} {'' if value is None else value}")
    output.line(f"{'headers':18} {row.headers}")
    output.line(f"{'body':18} {json.dumps(readable_body(row), ensure_ascii=False)}")
    for failure in row.failures:
        output.line(f"\nattempt {failure.attempt}, {moment(failure.at)}")
        output.line(failure.traceback.rstrip() or f"{failure.exception}: {failure.message}")


def show_preview(output: Output, verb: str, preview: Preview) -> None:
    """Tell what would be replayed or deleted."""
    if output.as_json:
        groups = [
            {**asdict(group), "oldest": moment(group.oldest), "newest": moment(group.newest)}
            for group in preview.groups
        ]
        untaken = dict(preview.untaken)
        output.document({"count": preview.count, "groups": groups, "untaken": untaken})
        return
    output.table(f"would {verb} {preview.count}", _GROUPS, map(_group, preview.groups), right=1)
    _note_untaken(output, preview.untaken)


def _group(group: DeadLetterGroup) -> tuple[object, ...]:
    return (
        group.count,
        group.endpoint,
        group.channel,
        group.type_name,
        group.reason,
        group.exception or "",
        moment(group.oldest),
        moment(group.newest),
    )


def _note_untaken(output: Output, untaken: Mapping[str, int]) -> None:
    for endpoint, number in untaken.items():
        output.note(f"{number} of them wait: no process has the endpoint {endpoint}")


def show_change(output: Output, verb: str, count: int) -> None:
    """Tell how many were replayed or deleted, and what nobody is there to take."""
    done = {"replay": "replayed", "delete": "deleted"}[verb]
    untaken = dict(count.untaken) if isinstance(count, Replayed) else None
    if output.as_json:
        output.document({done: count} | ({} if untaken is None else {"untaken": untaken}))
        return
    output.line(f"{done} {count}")
    _note_untaken(output, untaken or {})


def as_json(row: DeadLetterRow) -> dict[str, Any]:
    """Return the fields as JSON values; times as text, the body as what it says."""
    failures = [
        {
            "attempt": failure.attempt,
            "at": moment(failure.at),
            "exception": failure.exception,
            "message": failure.message,
            "traceback": failure.traceback,
        }
        for failure in row.failures
    ]
    return {
        "number": row.number,
        "copy_id": row.copy_id,
        "message_id": row.message_id,
        "type": row.type_name,
        "endpoint": row.endpoint,
        "channel": row.channel,
        "tenant": row.tenant,
        "reason": row.reason,
        "exception": row.exception,
        "exception_message": row.exception_message,
        "attempts": row.attempts,
        "replays": row.replays,
        "died_at": moment(row.died_at),
        "enqueued_at": moment(row.enqueued_at),
        "correlation_id": row.correlation_id,
        "causation_id": row.causation_id,
        "headers": json.loads(row.headers),
        "content_type": row.content_type,
        "body": readable_body(row),
        "body_bytes": row.body_bytes,
        "traceback": row.traceback,
        "failures": failures,
    }


def readable_body(row: DeadLetterRow) -> Any:
    """Return the body as plain data, or its bytes in words where they say nothing."""
    if len(row.body) > MAX_MESSAGE_BYTES:
        return {"too large to be shown": len(row.body), "bytes": row.body[:_SHOWN].hex()}
    try:
        return codec_for(row.content_type).plain(row.body)
    except Exception as error:  # noqa: BLE001  # an undecodable body is why it may be here
        return {"undecodable": str(error), "bytes": row.body[:_SHOWN].hex()}


async def mend(
    letters: Any, copy_id: str, body: str | None, headers: Mapping[str, str], *, check: bool
) -> None:
    """Write a new body, in the letter's own content type, and set headers."""
    row = await letters.show(copy_id)
    merged = {**json.loads(row.headers), **headers} if headers else None
    await letters.edit(copy_id, body=_encoded(row, body), headers=merged, check=check)


def _encoded(row: DeadLetterRow, body: str | None) -> bytes | None:
    if body is None:
        return None
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise CommandFailed(f"the body is not JSON: {error}", ExitCode.USAGE) from None
    return codec_for(row.content_type).encode(value)


def moment(at: float) -> str:
    """Return a time of the store's clock as text, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
