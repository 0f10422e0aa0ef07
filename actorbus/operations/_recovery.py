"""Dead letters: find them, look at them, mend them, send them again, delete them.

A dead letter is kept until somebody replays or deletes it. A replay goes to the endpoint that it
died at, and to no other subscriber of the message; if it fails again, it comes back.
"""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from actorbus._calls import Answer
from actorbus._errors import InvalidMessage, UndecodableMessage
from actorbus._store import DeadLetterFilter, DeadLetterGroup, DeadLetterRow, Store
from actorbus.messages._decoding import Decoding
from actorbus.messages._message import headers_to_text
from actorbus.operations._stranded import untaken
from actorbus.options._options import checked_headers

if TYPE_CHECKING:
    from actorbus.configuration._configuration import Configuration

Selection = DeadLetterFilter | str | Sequence[str]
"""Which dead letters: those that match, or those with these copy ids."""


class CallTrio(Protocol):
    """Runs an async function on the trio side, wherever it is called from."""

    def __call__(
        self, function: Callable[..., Awaitable[Any]], /, *arguments: Any
    ) -> Answer[Any]: ...


class Replayed(int):
    """How many dead letters were replayed.

    `untaken` says how many of them, by endpoint, wait for an endpoint that neither this process
    nor any live one has: nothing happens to them until a process with it runs.
    """

    untaken: Mapping[str, int]

    def __new__(cls, count: int, untaken: Mapping[str, int]) -> Self:
        self = super().__new__(cls, count)
        self.untaken = MappingProxyType(dict(untaken))
        return self


BATCH = 500
"""Dead letters that are replayed in one transaction."""

MOST_GROUPS = 1000
"""Groups of dead letters in a preview."""


class Preview(msgspec.Struct, frozen=True):
    """What a replay, or a delete, would be about.

    `groups` tell how many are alike, the largest group first (at most 1,000 of them). `untaken`
    is as in `Replayed`: how many would wait for an endpoint that no live process has.
    """

    count: int
    groups: tuple[DeadLetterGroup, ...]
    untaken: Mapping[str, int]


class DeadLetters:
    """The dead letters of a running bus, as `bus.dead_letters`; await what its methods return.

    On a plain thread their `.get()` gives the result. All of them raise the store's errors.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        call: CallTrio,
        configuration: "Callable[[], Configuration]",
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._call = call

    def list(
        self,
        matching: DeadLetterFilter | None = None,
        *,
        limit: int = 100,
        after: int = 0,
        bodies: bool = False,
    ) -> Answer[list[DeadLetterRow]]:
        """Return those that match (all, without a filter), oldest first.

        They come without the history of their attempts, and, unless `bodies` are asked for, with
        empty bodies: `show` has both. `after` is the `number` of the last one of the page before.
        """
        return self._call(self._list, matching or DeadLetterFilter(), limit, after, bodies)

    def count(self, matching: DeadLetterFilter | None = None) -> Answer[int]:
        """Count those that match; all, without a filter."""
        return self._call(self._count, matching or DeadLetterFilter())

    def show(self, copy_id: str) -> Answer[DeadLetterRow]:
        """Return one with the history of its attempts. Raises DeadLetterNotFound."""
        return self._call(self._show, copy_id)

    def preview(self, which: Selection) -> Answer[Preview]:
        """Return what `replay` or `delete` of these would be about, with nothing changed."""
        return self._call(self._preview, _filter(which))

    def replay(self, which: Selection) -> Answer[Replayed]:
        """Send them to their original endpoints again, with all their attempts; return how many.

        It is done in batches, of those that were dead when it began: what fails again meanwhile
        comes back, and is not replayed once more. Of two who replay the same one, one does. If it
        raises or is cancelled, the batches before have been replayed.

        The number's `untaken` names the endpoints that no process has which could take them.
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
        check: bool = True,
    ) -> Answer[None]:
        """Replace the body, or the user headers, of one before it is replayed.

        `body` are the stored bytes; `message` is encoded as the content type of the letter says,
        and is to have the fields of the version that is named there. If this bus has the letter's
        endpoint, the body is to convert to what that takes, unless `check` is False.
        Raises DeadLetterNotFound, InvalidHeader, InvalidMessage with the path and the reason, and
        ValueError when both are given, or nothing.
        """
        if body is not None and message is not None:
            raise ValueError("body= and message= contradict each other; drop one")
        if body is None and message is None and headers is None:
            raise ValueError("nothing to change: give body=, message= or headers=")
        text = None if headers is None else headers_to_text(checked_headers(headers))
        return self._call(self._edit, copy_id, body, message, text, check)

    async def _list(
        self,
        matching: DeadLetterFilter,
        limit: int,
        after: int,
        bodies: bool,  # noqa: FBT001  # called in one place, through `_call`
    ) -> Sequence[DeadLetterRow]:
        return await self._store().dead_letters(matching, limit=limit, after=after, bodies=bodies)

    async def _count(self, matching: DeadLetterFilter) -> int:
        return await self._store().count_dead_letters(matching)

    async def _show(self, copy_id: str) -> DeadLetterRow:
        return await self._store().dead_letter(copy_id)

    async def _replay(self, matching: DeadLetterFilter) -> Replayed:
        store = self._store()
        if matching.up_to is None:
            matching = msgspec.structs.replace(matching, up_to=await store.newest_dead_letter())
        found = await self._untaken(matching)
        total = 0
        while count := await store.replay(matching, limit=BATCH):
            total += count
        return Replayed(total, found)

    async def _preview(self, matching: DeadLetterFilter) -> Preview:
        store = self._store()
        groups = await store.dead_letter_groups(matching, limit=MOST_GROUPS)
        count = await store.count_dead_letters(matching)
        return Preview(count, tuple(groups), await self._untaken(matching))

    async def _untaken(self, matching: DeadLetterFilter) -> Mapping[str, int]:
        """Count those that match, for each endpoint that no process has."""
        store, configuration = self._store(), self._configuration()
        handlers = configuration.endpoints
        others = [row for row in await store.processes() if row.pid != os.getpid()]
        declared = {name for spec in handlers for name in (spec.endpoint_id, *spec.aliases)}
        declared |= configuration.distribution.endpoint_ids()
        endpoints = untaken(await store.statistics(), others, declared)
        counts = {
            endpoint: await store.count_dead_letters(
                msgspec.structs.replace(matching, endpoint=endpoint)
            )
            for endpoint in endpoints
            if matching.endpoint in {None, endpoint}
        }
        return {endpoint: count for endpoint, count in counts.items() if count}

    async def _delete(self, matching: DeadLetterFilter) -> int:
        return await self._store().delete_dead_letters(matching)

    async def _edit(
        self,
        copy_id: str,
        body: bytes | None,
        message: Any,
        headers: str | None,
        check: bool,  # noqa: FBT001  # called in one place, through `_call`
    ) -> None:
        store = self._store()
        if message is not None or body is not None:
            letter = await store.dead_letter(copy_id)
            if message is not None:
                codecs = self._configuration().codecs
                body = codecs.of(letter.content_type).encode(message)
            if check and body is not None:
                self._check(letter, body)
        await store.edit_dead_letter(copy_id, body=body, headers=headers)

    def _check(self, letter: DeadLetterRow, body: bytes) -> None:
        decoding = Decoding(self._configuration())
        try:
            decoding.check(letter.endpoint, letter.type_name, letter.content_type, body)
        except UndecodableMessage as error:
            raise InvalidMessage(f"{letter.endpoint} could not take this: {error}") from error


def _filter(which: Selection) -> DeadLetterFilter:
    if isinstance(which, DeadLetterFilter):
        return which
    if isinstance(which, str):
        return DeadLetterFilter(copy_ids=(which,))
    return msgspec.convert({"copy_ids": tuple(which)}, DeadLetterFilter)
