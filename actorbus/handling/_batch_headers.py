"""The headers of a batch: what all of its messages have in common."""

from collections.abc import Mapping, Sequence

from actorbus.messages._message import Headers, headers_to_text, new_id


class BatchHeaders(Headers):
    """What a batch's handler passes on to what it sends; `each` are the messages' own.

    User headers and the correlation id are those that all messages share; without a shared one the
    chain begins anew. What is sent is caused by the first message: its id becomes the causation id.
    """

    __slots__ = ("each",)

    def __init__(self, each: Sequence[Headers]) -> None:
        first = each[0]
        shared = {one.correlation_id for one in each}
        super().__init__(
            id=first.id,
            copy_id=first.copy_id,
            correlation_id=first.correlation_id if len(shared) == 1 else new_id(),
            causation_id=first.causation_id,
            type_name=first.type_name,
            content_type=first.content_type,
            timestamp=first.timestamp,
            attempt=first.attempt,
            endpoint=first.endpoint,
            tenant=first.tenant,
        )
        self.each = each
        self._text = None

    @property
    def user(self) -> Mapping[str, str]:
        """The user's headers that all messages share."""
        if self._user is None:
            self._user = _in_common([one.user for one in self.each])
        return self._user

    @property
    def text(self) -> str:
        """The same as JSON text."""
        if self._text is None and self._user is None and len({one.text for one in self.each}) == 1:
            self._text = self.each[0].text
        if self._text is None:
            self._text = headers_to_text(self.user)
        return self._text

    def with_user(self, user: Mapping[str, str]) -> Headers:
        """Return a copy with other headers of the user's."""
        copy = BatchHeaders(self.each)
        copy.correlation_id = self.correlation_id
        copy._user = user
        return copy


def _in_common(all_headers: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    first, *others = all_headers
    return {
        name: value
        for name, value in first.items()
        if all(other.get(name) == value for other in others)
    }
