"""Dead letters: find them, look at them, mend them, send them again, delete them.

A dead letter is kept until somebody replays or deletes it. A replay goes to the endpoint that it
died at, and to no other subscriber of the message; if it fails again, it comes back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from actorbus._calls import Answer
from actorbus._message import headers_to_text
from actorbus._options import checked_headers
from actorbus._store import DeadLetterFilter, DeadLetterRow, Store
from actorbus.codecs import Codecs

Selection = DeadLetterFilter | str | Sequence[str]
"""Which dead letters: those that match, or those with these copy ids."""


class CallTrio(Protocol):
    """Runs an async function on the trio side, wherever it is called from."""

    def __call__(
        self, function: Callable[..., Awaitable[Any]], /, *arguments: Any
    ) -> Answer[Any]: ...


class DeadLetters:
    """The dead letters of a running bus, as `bus.dead_letters`; await what its methods return.

    On a plain thread their `.get()` gives the result. All of them raise the store's errors.
    """

    def __init__(
        self, store: Callable[[], Store], call: CallTrio, codecs: Callable[[], Codecs]
    ) -> None:
        self._store = store
        self._codecs = codecs
        self._call = call

    def list(
        self,
        matching: DeadLetterFilter | None = None,
        *,
        limit: int = 100,
        after: int = 0,
    ) -> Answer[list[DeadLetterRow]]:
        """Return those that match (all, without a filter), oldest first.

        They come without the history of their attempts. `after` is the `number` of the last one
        of the page before.
        """
        return self._call(self._list, matching or DeadLetterFilter(), limit, after)

    def count(self, matching: DeadLetterFilter | None = None) -> Answer[int]:
        """Count those that match; all, without a filter."""
        return self._call(self._count, matching or DeadLetterFilter())

    def show(self, copy_id: str) -> Answer[DeadLetterRow]:
        """Return one with the history of its attempts. Raises DeadLetterNotFound."""
        return self._call(self._show, copy_id)

    def replay(self, which: Selection) -> Answer[int]:
        """Send them to their original endpoints again, with all their attempts; return how many.

        `DeadLetterFilter()` means all of them. Ids that are no dead letter's are not counted.
        """
        return self._call(self._replay, _filter(which))

    def delete(self, which: Selection) -> Answer[int]:
        """Delete them with their history; return how many. There is no way back."""
        return self._call(self._delete, _filter(which))

    def edit(
        self,
        copy_id: str,
        *,
        body: bytes | None = None,
        message: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer[None]:
        """Replace the body, or the user headers, of one before it is replayed.

        `body` are the stored bytes; `message` is encoded as the content type of the letter says,
        and is to have the fields of the version that is named there.
        Raises DeadLetterNotFound, InvalidHeader, and ValueError when both are given, or nothing.
        """
        if body is not None and message is not None:
            raise ValueError("body= and message= contradict each other; drop one")
        if body is None and message is None and headers is None:
            raise ValueError("nothing to change: give body=, message= or headers=")
        text = None if headers is None else headers_to_text(checked_headers(headers))
        return self._call(self._edit, copy_id, body, message, text)

    async def _list(
        self, matching: DeadLetterFilter, limit: int, after: int
    ) -> Sequence[DeadLetterRow]:
        return await self._store().dead_letters(matching, limit=limit, after=after)

    async def _count(self, matching: DeadLetterFilter) -> int:
        return await self._store().count_dead_letters(matching)

    async def _show(self, copy_id: str) -> DeadLetterRow:
        return await self._store().dead_letter(copy_id)

    async def _replay(self, matching: DeadLetterFilter) -> int:
        return await self._store().replay(matching)

    async def _delete(self, matching: DeadLetterFilter) -> int:
        return await self._store().delete_dead_letters(matching)

    async def _edit(
        self, copy_id: str, body: bytes | None, message: Any, headers: str | None
    ) -> None:
        store = self._store()
        if message is not None:
            letter = await store.dead_letter(copy_id)
            body = self._codecs().of(letter.content_type).encode(message)
        await store.edit_dead_letter(copy_id, body=body, headers=headers)


def _filter(which: Selection) -> DeadLetterFilter:
    if isinstance(which, DeadLetterFilter):
        return which
    if isinstance(which, str):
        return DeadLetterFilter(copy_ids=(which,))
    return msgspec.convert({"copy_ids": tuple(which)}, DeadLetterFilter)
