"""Ask a query through a channel: store it, wait for its answer as long as its time-out says."""

from typing import cast

import trio
from msgspec.structs import replace

from actorbus._errors import InvalidSendOption, QueryFailed, QueryTimeout, TransactionError
from actorbus._store import Outgoing, Store, StoredReply
from actorbus.codecs import Conversion, Decode, NotConvertible
from actorbus.declaring._handlers import HandlerSpec
from actorbus.messages._message import headers_to_text
from actorbus.options._options import SendOptions, as_seconds
from actorbus.sending._publish import Prepared, Press
from actorbus.sending._replies import Replies
from actorbus.transactions._unit_of_work import UnitOfWork

ASK_TIMEOUT = 30.0
"""Seconds that an answer through a channel is waited for, unless the asker says otherwise."""

REPLY_TO = "actorbus.reply-to"
"""The header that says which process waits for the answer."""

ANSWERS = Conversion(strict=True, unknown_fields="ignore")
"""How answers are read: a newer version of the handler may answer with more than is known here."""


class Asking:
    """The asker's side of queries on channels."""

    def __init__(self, press: Press, store: Store, replies: Replies) -> None:
        self._press = press
        self._store = store
        self._replies = replies
        self._codec = replies.codec
        self._decoders: dict[str, Decode] = {}

    async def ask(
        self,
        prepared: Prepared,
        spec: HandlerSpec,
        channel: str,
        unit: UnitOfWork | None,
        timeout: float | None,
    ) -> object:
        """Send the query at once, whatever the caller's transaction, and return its answer.

        Raises QueryTimeout, QueryFailed, TransactionError.
        """
        limit = ASK_TIMEOUT if timeout is None else timeout
        _refuse_inside(unit, spec)
        copy = self._addressed(self._press.copy(prepared, spec, channel), prepared, limit)
        query_id = prepared.envelope.message_id
        with self._replies.expected(query_id) as expected:
            with trio.move_on_after(limit) as scope:
                await self._store.append([copy])
                reply = await expected.wait()
            if scope.cancelled_caught:
                raise QueryTimeout(
                    f"{spec.endpoint_id} did not answer {prepared.route.type_name} through"
                    f" {channel!r} within {limit:g} s"
                )
        return self._opened(spec, reply)

    def _addressed(self, copy: Outgoing, prepared: Prepared, limit: float) -> Outgoing:
        """Return the copy with the way back; it is worth nothing when nobody waits any more.

        What the channel says of delays and duplicates is for messages that nobody waits for.
        """
        headers = {**prepared.envelope.headers, REPLY_TO: self._replies.address}
        return replace(
            copy,
            headers=headers_to_text(headers),
            time_to_live=limit,
            delay=0.0,
            deliver_at=None,
            deduplication_key=None,
        )

    def _opened(self, spec: HandlerSpec, reply: StoredReply) -> object:
        if reply.failure is not None:
            raise QueryFailed(spec.endpoint_id, *reply.failure)
        if spec.endpoint_id not in self._decoders:
            self._decoders[spec.endpoint_id] = self._codec.decoder(spec.answer_type, ANSWERS)
        try:
            return self._decoders[spec.endpoint_id](reply.body or b"")
        except NotConvertible as error:
            name, text = type(error).__qualname__, f"its answer cannot be read: {error}"
            raise QueryFailed(spec.endpoint_id, name, text) from error


def _refuse_inside(unit: UnitOfWork | None, spec: HandlerSpec) -> None:
    """Refuse to wait for others while the caller keeps them from the store."""
    if unit is not None and unit.has_begun:
        raise TransactionError(
            f"{unit.owner} asks {spec.endpoint_id} through a channel after its transaction has"
            " begun: the answer could not be stored before that has ended. Ask before the first"
            " statement, or a query without a channel"
        )


def split_timeout(options: SendOptions) -> tuple[float | None, SendOptions]:
    """Return how many seconds to wait, and the other options. Raises InvalidSendOption."""
    if "timeout" not in options:
        return None, options
    given = options["timeout"]
    seconds = as_seconds(given)
    if seconds is None or seconds <= 0:
        raise InvalidSendOption(f"timeout={given!r} is not allowed: give seconds, more than 0")
    others = {name: value for name, value in options.items() if name != "timeout"}
    return seconds, cast("SendOptions", others)
